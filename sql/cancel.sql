-- A user can cancel emit, and the decoding of a slot. A cancelled event is not published, a cancelled reader has consumed nothing.
-- A walsender that is cancelled: test/t/087_cancel.t.
\set slot regress_cancel
\i sql/include/helpers.sql

-- emit is cancelled while it looks for the place where 60 MB are no JSON; the savepoint keeps the rest of the transaction. (The scanner stops
-- at the lone surrogate, RapidJSON reads on.)
CREATE TEMP TABLE endless AS SELECT '["\udc00"' || repeat(',1', 30000000) || ']' AS numbers, '["\udc00"' || repeat(',1e400', 10000000) || ']' AS big_numbers;
BEGIN;
SELECT FROM outbox.emit('t', 'before', '{}');
SAVEPOINT s;
SET LOCAL statement_timeout = '200ms';
\set VERBOSITY terse
SELECT FROM endless, LATERAL outbox.emit('t', 'k', numbers);
ROLLBACK TO s;
SET LOCAL statement_timeout = '200ms';
SELECT FROM endless, LATERAL outbox.emit('t', 'k', big_numbers);
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'after', '{}');
COMMIT;
SELECT pg_temp.events();

-- a reader is cancelled: the confirmed position stays, and the next reader gets every event, once
DO $$ BEGIN FOR n IN 1 .. 20000 LOOP PERFORM outbox.emit('t', n, '{}'); COMMIT; END LOOP; END $$;
SELECT confirmed_flush_lsn AS before FROM pg_replication_slots WHERE slot_name = 'regress_cancel' \gset
SET statement_timeout = '20ms';
SELECT count(*) FROM pg_logical_slot_get_changes('regress_cancel', NULL, NULL);
SELECT count(*) FROM pg_logical_slot_get_changes('regress_cancel', NULL, NULL, 'batch_bytes', '65536');
RESET statement_timeout;
SELECT confirmed_flush_lsn = :'before', active FROM pg_replication_slots WHERE slot_name = 'regress_cancel';
SELECT count(*), count(DISTINCT events::json ->> 'key') FROM pg_temp.events() AS events;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_cancel');
