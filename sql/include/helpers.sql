\set ECHO none
-- Shared by the regression tests, which run this script by \i from the project's root, where pg_regress runs, after \set slot NAME. The script
-- creates the extension, a slot of that name, and the functions below; SELECT then shows rows alone, without names of columns.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a
SELECT FROM pg_create_logical_replication_slot(:'slot', 'outbox');

-- Lines of the stream with "*" for the values that differ from run to run: ids, positions, transaction numbers and times.
CREATE FUNCTION pg_temp.masked(lines text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(lines, '"id":"[0-9a-f-]{36}"', '"id":"*"', 'g'),
        '"(begin|commit|rejected)":"[0-9A-F]+/[0-9A-F]+"', '"\1":"*"', 'g'), '"xid":\d+', '"xid":*', 'g'),
        '"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', '"ts":"*"', 'g') $$;

-- The events since the last call, and the rejected messages: the stream without the lines around transactions.
CREATE FUNCTION pg_temp.events(slot name DEFAULT :'slot') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(data, '"id":"[0-9a-f-]{36}"', '"id":"*"') FROM pg_logical_slot_get_changes(slot, NULL, NULL)
    WHERE data !~ '^{"(begin|commit)":' $$;

-- The server's refusal of a statement: SQLSTATE, message, detail and hint; or "accepted".
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
