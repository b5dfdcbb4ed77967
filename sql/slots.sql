-- Which slots must be able to deliver: with outbox.slots those that it names; without it every persistent slot of this database and plugin,
-- and there must be one. emit refuses with the name of the first slot that cannot. An invalidated slot: test/t/021_emit_refused.t.
\set slot regress_slots
\i sql/include/helpers.sql

-- a temporary slot does not count: its events go when its session ends
SELECT 'dropped' FROM pg_drop_replication_slot('regress_slots');
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_temporary', 'outbox', true);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_slots', 'outbox');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''with a good one beside it'', ''{}'')');

-- a slot that nobody reads does not hide the loss of the one that matters
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_forgotten', 'outbox');
SET outbox.slots = regress_slots;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''both'', ''{}'')');
SELECT pg_temp.events();
SELECT 'dropped' FROM pg_drop_replication_slot('regress_slots');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_slots', 'outbox');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''again'', ''{}'')');

-- every name of the list counts, in its order
SET outbox.slots = regress_slots, regress_forgotten;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''listed'', ''{}'')');
SELECT pg_temp.events();
SET outbox.slots = 'regress_forgotten ,  regress_absent,regress_slots,regress_temporary';
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SET outbox.slots = regress_slots, regress_temporary, regress_absent;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SET outbox.slots = regress_slot; -- a part of a name is another name
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');

-- slots of another plugin, physical slots, slots of another database
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_other_plugin', 'pgoutput');
SELECT 'slot' FROM pg_create_physical_replication_slot('regress_physical', true);
SET outbox.slots = regress_slots, regress_other_plugin;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SET outbox.slots = regress_physical;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
SELECT current_database() AS here \gset
CREATE DATABASE regress_elsewhere;
\c regress_elsewhere
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_elsewhere', 'outbox');
\c :here
SET client_min_messages = warning;
SET outbox.slots = regress_elsewhere;
\set VERBOSITY terse
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_elsewhere');
DROP DATABASE regress_elsewhere;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_other_plugin');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_physical');

-- outbox.missing_slot decides what emit does then
SET outbox.missing_slot = warning;
SELECT FROM outbox.emit('t', 'k', '{}');
RESET outbox.missing_slot;

-- emit looks up the slots once per transaction, and again when the list changes
BEGIN;
SET LOCAL outbox.slots = regress_slots;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_slots');
SELECT FROM outbox.emit('t', 'k', '{}');
SET LOCAL outbox.slots = 'regress_slots,regress_slots';
SELECT FROM outbox.emit('t', 'k', '{}');
ROLLBACK;
SELECT FROM outbox.emit('t', 'k', '{}');
BEGIN;
SAVEPOINT s;
SET LOCAL outbox.slots = regress_forgotten;
SELECT FROM outbox.emit('t', 'k', '{}');
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'k', '{}');
ROLLBACK;
RESET outbox.slots;
SELECT FROM outbox.emit('t', 'k', '{}');

-- outbox.slots accepts nothing but a list of names
SELECT set_config('outbox.slots', list, false) FROM (VALUES ('')) AS given(list);
SET outbox.slots = 'a,,b';
SET outbox.slots = ' ';
SET outbox.slots = 'a,';
SET outbox.slots = ',a';
SET outbox.slots = 'a b';
SET outbox.slots = 'Outbox';
SET outbox.slots = 'a-b';
SELECT set_config('outbox.slots', repeat('a', 64), false);
SELECT length(set_config('outbox.slots', repeat('a', 63) || ',b', true));

-- a database has a list of its own, also where the library is loaded later, and only superusers may change it
SELECT format('ALTER DATABASE %I SET outbox.slots = regress_absent', current_database()) \gexec
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
\c
SET SESSION AUTHORIZATION regress_outbox_user;
SELECT FROM outbox.emit('t', 'k', '{}');
SHOW outbox.slots;
SET outbox.slots = regress_forgotten;
RESET SESSION AUTHORIZATION;
SELECT format('ALTER DATABASE %I RESET outbox.slots', current_database()) \gexec
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_forgotten');
