-- CALL outbox.wait_delivered() waits until the slots have confirmed. While it waits, and with a relay: test/t/133_wait_delivered.t.
\set slot regress_wait_delivered
\i sql/include/helpers.sql

SELECT FROM outbox.emit('t', 'k', '{}');
CALL outbox.wait_delivered(timeout => '20 ms');
SELECT pg_current_wal_flush_lsn() AS lsn \gset
SELECT count(*) FROM pg_temp.events();
CALL outbox.wait_delivered(:'lsn', '1 min');
CALL outbox.wait_delivered('0/0', '0 s');
CALL outbox.wait_delivered('FFFFFFFF/0', '1 ms');
SET statement_timeout = '100 ms';
CALL outbox.wait_delivered('FFFFFFFF/0', '10000000 years');
RESET statement_timeout;
CALL outbox.wait_delivered(NULL, NULL);

-- not in a transaction, whose snapshot would stay; in a procedure that may commit
BEGIN;
CALL outbox.wait_delivered();
ROLLBACK;
SELECT pg_temp.refusal('CALL outbox.wait_delivered()');
DO $$ BEGIN CALL outbox.wait_delivered('0/0'); RAISE WARNING 'delivered'; END $$;
CREATE PROCEDURE pg_temp.emit_and_wait() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('t', 'k', '{}');
    COMMIT;
    CALL outbox.wait_delivered(timeout => '1 ms');
END $$;
\set SHOW_CONTEXT never
CALL pg_temp.emit_and_wait();
SELECT count(*) FROM pg_temp.events();

-- with a slot that cannot deliver the call fails, and does not wait
SELECT 'dropped' FROM pg_drop_replication_slot('regress_wait_delivered');
CALL outbox.wait_delivered();
