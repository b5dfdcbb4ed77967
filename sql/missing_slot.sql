-- emit refuses an event that no slot can deliver, unless outbox.missing_slot says otherwise. Only slots of this database with this plugin
-- count, and emit looks them up once per transaction.
-- A slot that is still being created: test/specs/slot_creation.spec.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a

SELECT FROM outbox.emit('t', 'k', '{}');
SHOW outbox.missing_slot;
\set VERBOSITY sqlstate
SELECT FROM outbox.emit('t', 'k', '{}');
\set VERBOSITY default

-- warning: once per transaction, and the transaction commits without its event
SET outbox.missing_slot = warning;
BEGIN;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT FROM outbox.emit('t', 'k', '{}');
SAVEPOINT s;
SELECT FROM outbox.emit('t', 'k', '{}');
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'k', '{}');
COMMIT;
SELECT FROM generate_series(1, 3) AS n, LATERAL outbox.emit('t', n, '{}');

-- ignore: emit is silent about the slot, but every other error of the event is still raised
SET outbox.missing_slot = ignore;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT FROM outbox.emit('bad topic', 'k', '{}');
SELECT FROM outbox.emit('t', 'k', '{');

-- the setting is read at every call
BEGIN;
SELECT FROM outbox.emit('t', 'k', '{}');
SET LOCAL outbox.missing_slot = error;
SELECT FROM outbox.emit('t', 'k', '{}');
ROLLBACK;
SET outbox.missing_slot = nonsense;
RESET outbox.missing_slot;

-- other plugins, physical slots, other databases do not count
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_other_plugin', 'pgoutput');
SELECT 'slot' FROM pg_create_physical_replication_slot('regress_physical', true);
SELECT current_database() AS here \gset
CREATE DATABASE regress_elsewhere;
\c regress_elsewhere
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_elsewhere', 'outbox');
\c :here
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_elsewhere');
DROP DATABASE regress_elsewhere;

-- a slot of this database with this plugin counts, beside others
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_missing_slot', 'outbox');
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT count(*) FROM pg_logical_slot_get_changes('regress_missing_slot', NULL, NULL);

-- emit looks once per transaction: it misses a slot that is dropped meanwhile in the next transaction only
BEGIN;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_missing_slot');
SELECT FROM outbox.emit('t', 'k', '{}');
COMMIT;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_other_plugin');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_physical');

-- only superusers may change the settings, also before the library is loaded
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SET outbox.missing_slot = ignore;
SET outbox.max_event_bytes = 1000;
SELECT FROM outbox.emit('t', 'k', '{}');
RESET ROLE;
\c
SET client_min_messages = error;
SET SESSION AUTHORIZATION regress_outbox_user;
SET outbox.missing_slot = ignore;
SELECT FROM outbox.emit('t', 'k', '{}');
SHOW outbox.missing_slot;
RESET SESSION AUTHORIZATION;
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;
