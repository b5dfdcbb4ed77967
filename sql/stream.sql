-- The stream: a begin line, the events in their order, a commit line, for every transaction that has events, in the order of commits.
\set slot regress_stream
\i sql/include/helpers.sql
CREATE FUNCTION pg_temp.stream() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_temp.masked(data) FROM pg_logical_slot_get_changes('regress_stream', NULL, NULL) $$;

BEGIN;
SELECT FROM outbox.emit('orders', 42, '{"item":"Macbook"}', 'order.created');
SELECT FROM outbox.emit('orders', 43, NULL);
SELECT FROM outbox.emit('orders', 44, 'bytes'::bytea);
COMMIT;
SELECT FROM outbox.emit('orders', 45, '{}');
SELECT pg_temp.stream();

-- a transaction without events has no lines, whatever else it does
CREATE TABLE regress_stream (n int);
INSERT INTO regress_stream VALUES (1);
BEGIN;
SELECT txid_current() > 0;
COMMIT;
BEGIN;
SELECT FROM outbox.emit('orders', 42, '{}');
ROLLBACK;
DROP TABLE regress_stream;
SELECT pg_temp.stream();

-- begin line and commit line name the end of the commit record, the one position that a reader may confirm
BEGIN;
SELECT FROM outbox.emit('orders', 1, '{}');
SELECT pg_current_wal_insert_lsn() AS before \gset
COMMIT;
SELECT pg_current_wal_insert_lsn() AS after \gset
SELECT FROM outbox.emit('orders', 2, '{}');
SELECT data::json ->> 'begin' AS begin FROM pg_logical_slot_peek_changes('regress_stream', NULL, 1) LIMIT 1 \gset
SELECT data::json ->> 'commit' AS commit FROM pg_logical_slot_peek_changes('regress_stream', NULL, 1) OFFSET 2 LIMIT 1 \gset
SELECT :'begin' = :'commit', :'commit'::pg_lsn > :'before'::pg_lsn, :'commit'::pg_lsn <= :'after'::pg_lsn;
-- after the confirmation of a transaction the next one still comes
SELECT 'confirmed' FROM pg_replication_slot_advance('regress_stream', :'commit');
SELECT pg_temp.stream();

-- ts is the commit's time in UTC, whatever the session's time zone; xid is the transaction's
SET TimeZone = 'Asia/Kolkata';
BEGIN;
SELECT txid_current() AS xid \gset
SELECT FROM outbox.emit('orders', 1, '{}');
SELECT extract(epoch FROM clock_timestamp()) AS before \gset
COMMIT;
SELECT extract(epoch FROM clock_timestamp()) AS after \gset
SELECT extract(epoch FROM (begin ->> 'ts')::timestamptz) BETWEEN :before AND :after, begin ->> 'ts' ~ 'Z$', (begin ->> 'xid')::bigint = :xid % 4294967296
FROM (SELECT data::json AS begin FROM pg_logical_slot_get_changes('regress_stream', NULL, NULL) LIMIT 1) AS s;
RESET TimeZone;

-- the plugin leaves out messages with another prefix, and messages outside a transaction
SELECT 'sent' FROM (VALUES ('outbo'), ('outbox2'), (''), ('OUTBOX')) AS other(prefix), LATERAL pg_logical_emit_message(true, prefix, '{}');
SELECT 'sent' FROM pg_logical_emit_message(false, 'outbox', '{"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000"}');
SELECT pg_temp.stream();

-- many such messages change nothing in the stream
DO $$
BEGIN
    FOR i IN 1..250 LOOP
        PERFORM pg_logical_emit_message(true, 'other', 'x'), pg_logical_emit_message(false, 'outbox', 'x');
    END LOOP;
    PERFORM outbox.emit('orders', 'after', '{}');
END $$;
SELECT pg_temp.stream();

-- the stream is readable in binary as well
SELECT FROM outbox.emit('orders', 1, '{}');
SELECT count(*) FROM pg_logical_slot_peek_binary_changes('regress_stream', NULL, NULL);
SELECT count(*) FROM pg_logical_slot_get_changes('regress_stream', NULL, NULL);

SELECT 'dropped' FROM pg_drop_replication_slot('regress_stream');
