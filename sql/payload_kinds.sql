-- A payload is JSON as text, json or jsonb, bytes as bytea, a row, or NULL: a tombstone. Other types are refused.
\set slot regress_payload_kinds
\i sql/include/helpers.sql
CREATE TABLE pg_temp.orders (id bigint, item text, tags text[], detail jsonb, gone int);
ALTER TABLE pg_temp.orders DROP COLUMN gone;
INSERT INTO pg_temp.orders VALUES (42, 'Macbook "Pro"', '{a,b}', '{"ram": 16}');
CREATE TYPE pg_temp.pair AS (a int, b json);
CREATE DOMAIN pg_temp.json_domain AS json;
CREATE DOMAIN pg_temp.nested_domain AS pg_temp.json_domain;
CREATE DOMAIN pg_temp.bytes_domain AS bytea;
CREATE DOMAIN pg_temp.pair_domain AS pg_temp.pair CHECK ((VALUE).a > 0);
CREATE TYPE pg_temp.mood AS ENUM ('{}');

-- JSON of every type of text
SELECT FROM outbox.emit('literal', 'k', '{ "a" : 1 }');
SELECT FROM outbox.emit('text', 'k', '{ "a" : 1 }'::text);
SELECT FROM outbox.emit('varchar', 'k', '{ "a" : 1 }'::varchar);
SELECT FROM outbox.emit('varchar_n', 'k', '{ "a" : 1 }'::varchar(100));
SELECT FROM outbox.emit('char_n', 'k', '{ "a" : 1 }'::char(100));
SELECT FROM outbox.emit('json', 'k', '{ "a" : 1 }'::json);
SELECT FROM outbox.emit('jsonb', 'k', '{ "a" : 1 }'::jsonb);
SELECT FROM outbox.emit('domain', 'k', '{ "a" : 1 }'::pg_temp.json_domain);
SELECT FROM outbox.emit('domain_of_domain', 'k', '{ "a" : 1 }'::pg_temp.nested_domain);
SELECT pg_temp.events();

-- a value need not be an object, and JSON's null is a value
SELECT FROM (VALUES ('1'), ('"a"'), ('true'), ('null'), ('[]')) AS given(payload), LATERAL outbox.emit('scalar', 'k', payload);
SELECT FROM (VALUES ('1'), ('"a"'), ('true'), ('null'), ('[]')) AS given(payload), LATERAL outbox.emit('scalar', 'k', payload::jsonb);
SELECT pg_temp.events();

-- bytes of every value
SELECT FROM (VALUES (''), ('a'), ('ab'), ('abc'), ('\x00ff0a22fbff')) AS given(payload), LATERAL outbox.emit('bytes', 'k', payload::bytea);
SELECT FROM outbox.emit('bytes', 'k', 'abc'::pg_temp.bytes_domain);
SELECT pg_temp.events();
SELECT FROM (SELECT decode(string_agg(lpad(to_hex(n), 2, '0'), ''), 'hex') FROM generate_series(0, 255) AS n) AS given(payload), LATERAL outbox.emit('bytes', 'k', payload);
SELECT decode(pg_temp.events()::json ->> 'payload_base64', 'base64');

-- rows
SELECT FROM pg_temp.orders, LATERAL outbox.emit('table_row', id, orders);
SELECT FROM outbox.emit('row', 'k', ROW(1, NULL, 'x'));
SELECT FROM outbox.emit('row', 'k', ROW());
SELECT FROM (SELECT r FROM (SELECT 1 AS a, 'x' AS b) AS r) AS s, LATERAL outbox.emit('subquery_row', 'k', r);
SELECT FROM outbox.emit('composite', 'k', ROW(1, '{ "x" : 1.50 }')::pg_temp.pair);
SELECT FROM outbox.emit('composite_domain', 'k', ROW(1, '[ ]')::pg_temp.pair_domain);
DO $$
DECLARE
    r record;
    o pg_temp.orders%ROWTYPE;
BEGIN
    SELECT 1 AS a, now() IS NULL AS b INTO r;
    PERFORM outbox.emit('record', 'k', r);
    SELECT * INTO o FROM pg_temp.orders;
    o.item := 'changed';
    PERFORM outbox.emit('rowtype', 'k', o);
END $$;
SELECT pg_temp.events();

-- tombstones
SELECT FROM outbox.emit('tombstone', 'k', NULL);
SELECT FROM outbox.emit('tombstone', 'k', NULL::text);
SELECT FROM outbox.emit('tombstone', 'k', NULL::jsonb);
SELECT FROM outbox.emit('tombstone', 'k', NULL::bytea);
SELECT FROM outbox.emit('tombstone', 'k', NULL::pg_temp.orders);
SELECT FROM outbox.emit('tombstone', 42, NULL);
SELECT FROM outbox.emit('tombstone', '01930000-0000-7000-8000-000000000000'::uuid, NULL);
SELECT pg_temp.events();

-- values that are stored compressed or out of line
CREATE TEMP TABLE toasted (compressed text, external jsonb, bytes bytea);
ALTER TABLE toasted ALTER external SET STORAGE EXTERNAL, ALTER bytes SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT '"' || repeat('a', 100000) || '"', jsonb_build_object('b', repeat('b', 100000)), convert_to(repeat('c', 100000), 'UTF8');
SELECT FROM toasted, LATERAL outbox.emit('toast', 'k', compressed);
SELECT FROM toasted, LATERAL outbox.emit('toast', 'k', external);
SELECT FROM toasted, LATERAL outbox.emit('toast', 'k', bytes);
SELECT FROM toasted, LATERAL outbox.emit('toast', 'k', toasted);
SELECT length(events) FROM pg_temp.events() AS events;

-- payloads of other types are refused
SELECT type, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', (%L)::%s)', value, type))
FROM (VALUES ('integer', '1'), ('numeric', '1.0'), ('boolean', 'true'), ('timestamptz', '2026-01-01Z'), ('uuid', '01930000-0000-7000-8000-000000000000'),
    ('name', '{}'), ('"char"', '1'), ('integer[]', '{1,2}'), ('json[]', '{}'), ('pg_temp.pair[]', '{}'), ('pg_temp.mood', '{}'), ('int4range', 'empty')) AS given(type, value);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', pg_sleep(0))');
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_payload_kinds');
