-- outbox.first_time(consumer, id) is true once for each consumer and id, in the consumer's own transaction. outbox.forget() forgets old ids.
-- Deliveries at the same time: test/specs/inbox.spec.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a

SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
SELECT outbox.first_time('shipping', '01930000-0000-7000-8000-000000000000');
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000001');
SELECT outbox.first_time('billing', '6ba7b810-9dad-41d1-80b4-00c04fd430c8'), outbox.first_time('billing', '6ba7b810-9dad-41d1-80b4-00c04fd430c8');
BEGIN;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000002');
ROLLBACK;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000002');

-- the partitions take turns, each for a week
SELECT DISTINCT outbox.week_of(id) FROM (SELECT (lpad(to_hex(ms), 12, '0') || '-7000-8000-000000000000')::text::uuid AS id FROM generate_series(1700000000000, 1700000000000 + 7 * 604800000::bigint, 604800000) AS ms) AS s ORDER BY 1;
SELECT outbox.week_of('00000000-0000-7000-8000-000000000000'), outbox.week_of('ffffffff-ffff-7fff-8000-000000000000'), outbox.week_of('01930000-0000-6000-8000-000000000000');
SELECT tableoid::regclass, consumer, id FROM outbox.seen ORDER BY 3, 2;

-- forget: a whole week at once, other ids one by one, and nothing that is younger
UPDATE outbox.seen SET seen_at = seen_at - interval '31 days' WHERE week <> -1 OR consumer = 'shipping';
SELECT outbox.forget('30 days');
SELECT id FROM outbox.seen;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
UPDATE outbox.seen SET seen_at = seen_at - interval '31 days' WHERE week = -1;
SELECT outbox.forget('30 days');
SELECT id FROM outbox.seen;
-- a week whose partition is in its second turn
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000003');
UPDATE outbox.seen SET seen_at = seen_at - interval '38 days' WHERE id = '01930000-0000-7000-8000-000000000000';
SELECT outbox.forget('30 days');
SELECT id FROM outbox.seen;
SELECT outbox.forget('0 s');
SELECT count(*) FROM outbox.seen;

-- what is refused
\set SHOW_CONTEXT never
SELECT outbox.first_time(NULL, '01930000-0000-7000-8000-000000000000');
SELECT outbox.first_time('billing', NULL);
SELECT outbox.first_time(repeat('x', 1001), '01930000-0000-7000-8000-000000000000');
SELECT outbox.forget(NULL);
SELECT outbox.forget('-1 day');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT outbox.forget('1 day');
ROLLBACK;

-- rights: a consumer needs none on the table; forget() needs them
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
SELECT outbox.forget('0 s');
SELECT * FROM outbox.seen;
RESET ROLE;
SELECT outbox.forget('1000000 years');
TRUNCATE outbox.seen;
DROP OWNED BY regress_outbox_user;

-- the script for databases without the extension makes the same objects, and needs no superuser
CREATE TEMP TABLE here AS SELECT p.oid::regprocedure::text AS name, pg_get_functiondef(p.oid) AS definition FROM pg_proc AS p WHERE p.oid IN ('outbox.week_of(uuid)'::regprocedure, 'outbox.first_time(text, uuid)'::regprocedure, 'outbox.forget(interval)'::regprocedure);
SELECT jsonb_object_agg(name, definition) AS definitions FROM here \gset
SELECT current_database() AS here \gset
CREATE DATABASE regress_consumer;
GRANT CREATE ON DATABASE regress_consumer TO regress_outbox_user;
\c regress_consumer
SET client_min_messages = warning;
SET ROLE regress_outbox_user;
\set ECHO none
\i outbox_ext/inbox.sql
\set ECHO all
SELECT p.oid::regprocedure, pg_get_functiondef(p.oid) = :'definitions'::jsonb ->> p.oid::regprocedure::text FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace ORDER BY 1;
SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000'), outbox.first_time('billing', '01930000-0000-7000-8000-000000000000');
SELECT outbox.forget('0 s');
SELECT count(*) FROM outbox.seen;
\c :here
DROP DATABASE regress_consumer;
DROP ROLE regress_outbox_user;
