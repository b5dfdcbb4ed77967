-- A key is text, a number or a UUID, or a type that becomes one of them by itself. It is written as text.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_keys', 'outbox');
CREATE FUNCTION pg_temp.events() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT regexp_replace(data, '"id":"[0-9a-f-]{36}"', '"id":"*"') FROM pg_logical_slot_get_changes('regress_keys', NULL, NULL)
    WHERE data !~ '^{"(begin|commit)":' $$;
CREATE DOMAIN pg_temp.sku AS text;
CREATE DOMAIN pg_temp.order_id AS bigint;

SELECT FROM outbox.emit('t', 'literal', '{}');
SELECT FROM outbox.emit('t', 'text'::text, '{}');
SELECT FROM outbox.emit('t', 'varchar'::varchar, '{}');
SELECT FROM outbox.emit('t', 'char'::char(8), '{}');
SELECT FROM outbox.emit('t', 'name'::name, '{}');
SELECT FROM outbox.emit('t', 'domain'::pg_temp.sku, '{}');
SELECT FROM outbox.emit('t', 42, '{}');
SELECT FROM outbox.emit('t', 42::smallint, '{}');
SELECT FROM outbox.emit('t', 9223372036854775807, '{}');
SELECT FROM outbox.emit('t', -9223372036854775808, '{}');
SELECT FROM outbox.emit('t', 42::pg_temp.order_id, '{}');
SELECT FROM outbox.emit('t', '0193FFFF-0000-7000-8000-00000000ABCD'::uuid, '{}');
SELECT FROM outbox.emit('t', NULL::text, '{}');
SELECT FROM outbox.emit('t', NULL::bigint, '{}');
SELECT FROM outbox.emit('t', NULL::uuid, '{}');
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_keys');
