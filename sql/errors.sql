-- Every refusal of emit has an SQLSTATE, a message and a hint. None repeats a word of the arguments.
-- More refusals: payload_json, payload_kinds, headers, limits, missing_slot and slots.
\set slot regress_errors
\i sql/include/helpers.sql

-- arguments
SELECT pg_temp.refusal('SELECT outbox.emit(NULL, ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''bad topic'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''__consumer_offsets'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''__'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''_a'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''a__'', ''k'', ''{}'')');
SELECT pg_temp.events();
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', NULL, NULL)');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', NULL::bigint, NULL::jsonb)');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{"a":}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{1,2}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', '''')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', repeat(''['', 1000))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', 1)');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, ''[]'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, ''{"id": "x"}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', to_jsonb(repeat(''x'', 1000000)))');

-- emit refuses in a read-only transaction
BEGIN READ ONLY;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
COMMIT;

-- emit refuses in a parallel worker, which runs a function that is wrongly marked PARALLEL SAFE
CREATE FUNCTION public.regress_wrapped(int) RETURNS uuid LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN RETURN outbox.emit('t', $1, '{}'); END $$;
CREATE TABLE public.regress_many AS SELECT n FROM generate_series(1, 1000) AS n;
BEGIN;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL parallel_leader_participation = off;
SELECT txid_current() > 0;
EXPLAIN (COSTS off) SELECT count(regress_wrapped(n)) FROM regress_many;
\set VERBOSITY terse
SELECT count(regress_wrapped(n)) FROM regress_many;
\set VERBOSITY default
ROLLBACK;
DROP TABLE public.regress_many;
DROP FUNCTION public.regress_wrapped(int);

-- after a refusal the caller's savepoint keeps the rest of the transaction
BEGIN;
SELECT FROM outbox.emit('t', 'before', '{}');
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT FROM outbox.emit('t', 'refused', '{');
\set VERBOSITY default
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'after', '{}');
COMMIT;
SELECT pg_temp.events();

-- no word of the arguments is in message, detail, hint or context
CREATE FUNCTION pg_temp.leaks(topic text, key text, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text; context text;
BEGIN
    PERFORM outbox.emit(topic, key, payload, type, headers);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN SQLSTATE || ' ' || (message || detail || hint || context LIKE '%secret%');
END $$;
SELECT pg_temp.leaks('secret secret', 'k', '{}');
SELECT pg_temp.leaks('t', 'k', '{"secret"}');
SELECT pg_temp.leaks('t', 'k', 'secret');
SELECT pg_temp.leaks('t', 'k', '{"secret": "\udc00"}');
SELECT pg_temp.leaks('t', 'k', '"secret"' || repeat('[', 1000));
SELECT pg_temp.leaks('t', 'k', repeat('["secret",', 1000));
SELECT pg_temp.leaks('t', 'k', to_jsonb(repeat('secret', 1000000)));
SELECT pg_temp.leaks('t', repeat('secret', 1000000), '{}');
SELECT pg_temp.leaks('t', 'k', '{}', repeat('secret', 1000000));
SELECT pg_temp.leaks('t', 'k', '{}', NULL, '["secret"]');
SELECT pg_temp.leaks('t', 'k', '{}', NULL, '{"secret": 1}');
SELECT pg_temp.leaks('t', 'k', '{}', NULL, '{"id": "secret"}');
SELECT pg_temp.leaks('t', 'k', ARRAY['secret']);
CREATE FUNCTION pg_temp.leaks_as_text(type text, headers varchar) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text; context text;
BEGIN
    PERFORM outbox.emit('t', 'k', '{}', type, headers);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN SQLSTATE || ' ' || (message || detail || hint || context LIKE '%secret%');
END $$;
SELECT pg_temp.leaks_as_text(NULL, '{"secret" 1}');
SELECT pg_temp.leaks_as_text(NULL, '{"secret": 1}');
SELECT pg_temp.leaks_as_text(NULL, '{"secret": "\u0000"}');
SELECT pg_temp.leaks_as_text(NULL, '{"secret": "", "secret": ""}');
SELECT pg_temp.leaks_as_text('{"secret": ""}', NULL);
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_errors');
