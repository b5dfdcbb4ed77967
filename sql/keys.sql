-- A key is text, an integer or a UUID, or of a type that PostgreSQL casts to one of them by itself. The envelope has every key as text.
\set slot regress_keys
\i sql/include/helpers.sql
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
