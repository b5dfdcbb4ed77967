\set ECHO none
-- What the regression tests share. Before it: \set slot NAME. Run by \i from the project's root, where pg_regress runs.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a
SELECT FROM pg_create_logical_replication_slot(:'slot', 'outbox');

-- The events since the last call, without their ids.
CREATE FUNCTION pg_temp.events(slot name DEFAULT :'slot') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(data, '"id":"[0-9a-f-]{36}"', '"id":"*"') FROM pg_logical_slot_get_changes(slot, NULL, NULL)
    WHERE data !~ '^{"(begin|commit)":' $$;

-- What is said where a statement is refused: SQLSTATE, message, detail and hint.
CREATE FUNCTION pg_temp.refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text;
BEGIN
    EXECUTE call;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n  ', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
\set ECHO all
