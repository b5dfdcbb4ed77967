-- The plugin's options: version, batch_bytes, gather and topics. An option that is unknown or malformed is an error that names it.
\set slot regress_plugin_options
\i sql/include/helpers.sql
CREATE FUNCTION pg_temp.stream(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_temp.masked(data) FROM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL, VARIADIC options) $$;
-- The topics that the option lets through, with "<" and ">" for the lines around each transaction.
CREATE FUNCTION pg_temp.topics(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(data::json ->> 'topic', CASE WHEN data LIKE '{"begin%' THEN '<' ELSE '>' END), ' ')
    FROM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL, 'topics', pattern) $$;
CREATE FUNCTION pg_temp.refusal(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text; hint text;
BEGIN
    PERFORM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL, VARIADIC options);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n  ', SQLSTATE || ': ' || message, hint);
END $$;

BEGIN;
SELECT FROM generate_series(1, 3) AS n, LATERAL outbox.emit('orders', n, '{}');
COMMIT;
DO $$ BEGIN
    PERFORM outbox.emit('orders.eu', 1, '{}'), outbox.emit('orders.us', 1, '{}'), outbox.emit('Orders', 1, '{}'), outbox.emit('.hidden', 1, '{}'), outbox.emit('...', 1, '{}');
END $$;
SELECT FROM outbox.emit('payments', 1, '{}');

-- version: there is only version 1
SELECT count(*) FROM pg_temp.stream('version', '1');
SELECT version, pg_temp.refusal('version', version) FROM (VALUES ('2'), ('0'), (''), ('1 '), ('01'), ('one')) AS given(version);

-- batch_bytes: the lines of a transaction share a row up to that size; those of two transactions never do
SELECT count(*) FROM pg_temp.stream();
SELECT count(*) FROM pg_temp.stream('batch_bytes', '0');
SELECT count(*) FROM pg_temp.stream('batch_bytes', '1');
SELECT pg_temp.stream('batch_bytes', '65536') LIMIT 1;
SELECT count(*), sum(array_length(string_to_array(stream, E'\n'), 1)) FROM pg_temp.stream('batch_bytes', '65536') AS stream;
SELECT count(*), sum(array_length(string_to_array(stream, E'\n'), 1)) FROM pg_temp.stream('batch_bytes', '16777216') AS stream;
SELECT string_agg(data, E'\n') = (SELECT string_agg(data, E'\n') FROM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL))
FROM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL, 'batch_bytes', '200');
SELECT bool_and(length(data) <= 200), max(length(data)) > 150, count(*) FROM pg_logical_slot_peek_changes('regress_plugin_options', NULL, NULL, 'batch_bytes', '200') WHERE data LIKE E'%\n%';
SELECT bytes, pg_temp.refusal('batch_bytes', bytes) FROM (VALUES ('-1'), ('1.5'), ('1kB'), (''), (' 1'), ('16777217'), ('99999999999999999999')) AS given(bytes);

-- gather: the SQL functions cannot gather transactions; a value other than "ahead" is ignored
SELECT value, pg_temp.refusal('gather', value) FROM (VALUES ('ahead'), ('AHEAD'), ('on'), ('off'), ('false'), ('0'), (''), ('yess'), ('2')) AS given(value);

-- topics: names, and beginnings of names; a transaction without events of these topics has no lines
SELECT topics, pg_temp.topics(topics) FROM (VALUES ('orders'), ('orders,payments'), (' orders , payments '), ('orders.*'), ('orders*'), ('*'), ('.*'), ('..*'), ('Orders'), ('ORDERS'), ('order'), ('orders.eu.*'), ('none')) AS given(topics);
SELECT left(topics, 20), pg_temp.refusal('topics', topics) FROM (VALUES (''), (' '), (','), ('orders,'), (',orders'), ('a b'), ('*orders'), ('or*ders'), ('**'), ('.'), ('..'), ('.!*'), ('...!*'), ('a/b'), ('a"b'), (repeat('t', 250)), (repeat('t', 250) || '*'), (repeat('t,', 1000) || 't')) AS given(topics);
SELECT pg_temp.refusal('topics', repeat('t', 249)), pg_temp.refusal('topics', repeat('t', 249) || '*'), pg_temp.refusal('topics', repeat('t,', 999) || 't');

-- unknown options
SELECT pg_temp.refusal('include-xids', '1');
SELECT pg_temp.refusal('Version', '1');
SELECT pg_temp.refusal('', '1');
SELECT pg_temp.refusal('version', '1', 'batch_bytes', '0', 'topics', '*', 'more', '1');

-- an option that is given twice
SELECT pg_temp.refusal('topics', 'orders', 'topics', 'orders');
SELECT pg_temp.refusal('version', '1', 'batch_bytes', '0', 'version', '1');

-- the slot still works after these errors
SELECT count(*) FROM pg_temp.stream('version', '1', 'batch_bytes', '65536', 'topics', 'orders');

SELECT 'dropped' FROM pg_drop_replication_slot('regress_plugin_options');
