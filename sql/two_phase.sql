-- A slot for two-phase commit delivers what every other slot does: a prepared transaction when it is committed, and never before.
-- Needs max_prepared_transactions. Through a walsender: test/t/082_filter.t.
\set slot regress_one_phase
\i sql/include/helpers.sql
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_two_phase', 'outbox', false, true);
SELECT two_phase FROM pg_replication_slots WHERE slot_name = 'regress_two_phase';

BEGIN;
SELECT FROM outbox.emit('t', 'prepared, then committed', '{}');
SAVEPOINT s;
SELECT FROM outbox.emit('t', 'dropped', '{}');
ROLLBACK TO s;
PREPARE TRANSACTION 'regress_committed';
BEGIN;
SELECT FROM outbox.emit('t', 'prepared, then rolled back', '{}');
PREPARE TRANSACTION 'regress_rolled_back';
SELECT FROM outbox.emit('t', 'between', '{}');
SELECT pg_temp.events('regress_two_phase');

-- a slot that was read between PREPARE and COMMIT PREPARED delivers the transaction at COMMIT PREPARED
COMMIT PREPARED 'regress_committed';
ROLLBACK PREPARED 'regress_rolled_back';
SELECT FROM outbox.emit('t', 'behind', '{}');
SELECT pg_temp.events('regress_two_phase');
SELECT pg_temp.events('regress_one_phase');

SELECT 'dropped' FROM pg_drop_replication_slot('regress_two_phase');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_one_phase');
