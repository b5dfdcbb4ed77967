-- An event's id is a UUIDv7 (RFC 9562) with the time of the call. Ids increase strictly within a session.
\set slot regress_event_id
\i sql/include/helpers.sql

-- version 7, variant 10
SELECT outbox.emit('t', 'k', '{}')::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';

-- the first 48 bits are milliseconds since 1970
SELECT abs(extract(epoch FROM clock_timestamp()) * 1000 - ('x' || left(replace(outbox.emit('t', 'k', '{}')::text, '-', ''), 12))::bit(48)::bigint) < 10000;

-- ids of 10,000 calls in one statement increase
CREATE TEMP TABLE ids AS SELECT n, outbox.emit('t', n, '{}') AS id FROM generate_series(1, 10000) AS n;
SELECT count(*), count(DISTINCT id), bool_and(id > before) FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM ids) AS pairs;

-- ids increase over statements, transactions and rollbacks as well
BEGIN;
SELECT outbox.emit('t', 'k', '{}') AS first \gset
ROLLBACK;
SELECT outbox.emit('t', 'k', '{}') AS second \gset
SELECT :'first'::uuid > max(id::text)::uuid, :'second'::uuid > :'first'::uuid FROM ids;

-- the last 62 bits are random
SELECT count(DISTINCT right(id::text, 15)) FROM ids;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_event_id');
