-- Row changes and foreign messages never enter the reorder buffer: decoding a transaction with many of them and a few
-- events spills nothing, and gives the events alone.
\set slot regress_filter
\i sql/include/helpers.sql
SET logical_decoding_work_mem = '64kB';
CREATE FUNCTION pg_temp.keys() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(data::json ->> 'key', ' ') FROM pg_logical_slot_get_changes('regress_filter', NULL, NULL) WHERE data LIKE '{"topic"%' $$;

-- a transaction with every kind of change around its events
BEGIN;
CREATE TABLE regress_filter (id int PRIMARY KEY, item text, big text);
ALTER TABLE regress_filter ALTER big SET STORAGE EXTERNAL;
SELECT FROM outbox.emit('t', 'after DDL', '{}');
INSERT INTO regress_filter SELECT n, 'item', repeat('x', 20) FROM generate_series(1, 20000) AS n;
SELECT FROM outbox.emit('t', 'after INSERT', '{}');
UPDATE regress_filter SET item = 'changed' WHERE id <= 5000;
DELETE FROM regress_filter WHERE id > 19000;
SELECT FROM outbox.emit('t', 'after UPDATE and DELETE', '{}');
INSERT INTO regress_filter VALUES (1, 'upsert', ''), (20001, 'upsert', '') ON CONFLICT (id) DO UPDATE SET item = excluded.item;
UPDATE regress_filter SET big = repeat('y', 100000) WHERE id <= 10;
SELECT FROM outbox.emit('t', 'after upsert and TOAST', '{}');
COPY regress_filter FROM stdin;
30001	copied	x
30002	copied	y
\.
SAVEPOINT s;
UPDATE regress_filter SET item = 'dropped';
ALTER TABLE regress_filter ADD gone int DEFAULT 1;
SELECT FROM outbox.emit('t', 'dropped', '{}');
ROLLBACK TO s;
ALTER TABLE regress_filter ALTER id TYPE bigint;
ALTER TABLE regress_filter RENAME item TO name;
SELECT FROM outbox.emit('t', 'after a rewrite', '{}');
CREATE TEMP TABLE regress_temporary AS SELECT * FROM regress_filter;
CREATE MATERIALIZED VIEW regress_view AS SELECT count(*) FROM regress_filter;
REFRESH MATERIALIZED VIEW regress_view;
TRUNCATE regress_filter CASCADE;
DROP TABLE regress_filter CASCADE;
SELECT FROM outbox.emit('t', 'after TRUNCATE and DROP', '{}');
COMMIT;
SELECT pg_temp.keys();

-- a prepared transaction is decoded after later DDL; a rolled back transaction leaves nothing
CREATE TABLE regress_filter (id int);
BEGIN;
INSERT INTO regress_filter SELECT generate_series(1, 20000);
SELECT FROM outbox.emit('t', 'rolled back', '{}');
ROLLBACK;
BEGIN;
INSERT INTO regress_filter SELECT generate_series(1, 20000);
SELECT FROM outbox.emit('t', 'prepared', '{}');
PREPARE TRANSACTION 'regress_filter';
VACUUM FULL pg_class;
COMMIT PREPARED 'regress_filter';
DROP TABLE regress_filter;
SELECT pg_temp.keys();

-- logical messages with other prefixes, and messages outside a transaction
BEGIN;
SELECT count(pg_logical_emit_message(true, 'foreign', repeat('x', 100))) FROM generate_series(1, 2000);
SELECT FROM outbox.emit('t', 'after foreign messages', '{}');
SELECT count(pg_logical_emit_message(false, 'outbox', repeat('x', 100))) FROM generate_series(1, 2000);
SAVEPOINT s;
SELECT count(pg_logical_emit_message(true, prefix, repeat('x', 100))) FROM generate_series(1, 400), (VALUES (''), ('outbo'), ('outbox2'), ('OUTBOX'), ('outbox ')) AS given(prefix);
SELECT FROM outbox.emit('t', 'after more of them', '{}');
COMMIT;
SELECT pg_temp.keys();

-- The statistics count those transactions, and no spill (before 15 statistics come late). What is queued are the events and the catalog's
-- invalidations, 50 to 70 kB by major; the least of the kinds that the filter leaves out, foreign messages, would be 400 kB.
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN (SELECT total_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'regress_filter');
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SELECT total_txns > 0, total_bytes < 128 * 1024, spill_txns, spill_count, spill_bytes, stream_txns FROM pg_stat_replication_slots WHERE slot_name = 'regress_filter';

SELECT 'dropped' FROM pg_drop_replication_slot('regress_filter');
