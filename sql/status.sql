-- outbox.status has a row for each slot of the plugin in this database, and one for a slot that emit demands and that does not exist. outbox.delivered() looks at the same slots.
-- A relay that streams, a standby, wal_level and an invalidated slot: test/t/130_status.t.
\set slot regress_status
\i sql/include/helpers.sql
CREATE FUNCTION pg_temp.same_words() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text;
BEGIN
    PERFORM outbox.emit('t', 'k', '{}');
    RETURN NOT EXISTS (SELECT FROM outbox.status WHERE emit_accepts IS NOT TRUE OR refusal IS NOT NULL);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN (SELECT bool_and(NOT emit_accepts AND refusal = concat_ws(' ', message || '.', nullif(detail, ''), hint)) FROM outbox.status);
END $$;

SELECT slot_name, state, active_pid, active_user, lag_bytes >= 0 AS lag, retained_bytes >= lag_bytes AS retained, safe_bytes, wal_status, invalidation_reason, catalog_xmin_age >= 0 AS age, emit_accepts, refusal
FROM outbox.status;
SELECT pg_temp.same_words();

-- delivered: once the slot is confirmed to there. NULL is no position
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT pg_current_wal_flush_lsn() AS lsn \gset
SELECT outbox.delivered(:'lsn'), outbox.delivered(NULL) IS NULL, outbox.delivered('0/0');
SELECT count(*) FROM pg_logical_slot_get_changes('regress_status', NULL, NULL) WHERE data LIKE '{"topic"%';
SELECT outbox.delivered(:'lsn');

-- a position directly behind a page's header is the end of the page before
SELECT '0/0'::pg_lsn + (pg_wal_lsn_diff(confirmed_flush_lsn, '0/0') - pg_wal_lsn_diff(confirmed_flush_lsn, '0/0') % 8192) AS page FROM pg_replication_slots WHERE slot_name = 'regress_status' \gset
SELECT outbox.delivered(:'page'::pg_lsn + 24), outbox.delivered(:'page'::pg_lsn + 8192 + 24), outbox.delivered(:'page'::pg_lsn + 8192);

-- every slot that must deliver counts: all of them, or those of outbox.slots
SELECT pg_current_wal_flush_lsn() AS before \gset
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_second', 'outbox');
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT pg_current_wal_flush_lsn() AS lsn \gset
SELECT count(*) FROM pg_logical_slot_get_changes('regress_status', NULL, NULL) WHERE data LIKE '{"topic"%';
SELECT slot_name, state, lag_bytes < pg_wal_lsn_diff(:'lsn', :'before') AS near, emit_accepts FROM outbox.status;
SELECT outbox.delivered(:'lsn');
SET outbox.slots = regress_status;
SELECT outbox.delivered(:'lsn');
SET outbox.slots = regress_status, regress_second;
SELECT outbox.delivered(:'lsn');

-- slots that cannot deliver: the row of the slot has the error of emit
SET outbox.slots = regress_absent, regress_status;
SELECT slot_name, state, emit_accepts, refusal FROM outbox.status;
SELECT pg_temp.same_words();
SELECT pg_temp.refusal('SELECT outbox.delivered(''0/0'')');
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_other_plugin', 'pgoutput');
SET outbox.slots = regress_other_plugin;
SELECT slot_name, state, emit_accepts, refusal FROM outbox.status;
SELECT pg_temp.same_words();
SELECT 'dropped' FROM pg_drop_replication_slot('regress_other_plugin');
RESET outbox.slots;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_second');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_status');
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_temporary', 'outbox', true);
SELECT slot_name, state, emit_accepts, refusal FROM outbox.status;
SELECT pg_temp.same_words();
SELECT 'dropped' FROM pg_drop_replication_slot('regress_temporary');
SELECT * FROM outbox.status;
SELECT pg_temp.same_words();
SELECT * FROM outbox.emit_refusal();

-- with outbox.missing_slot emit accepts events, and refusal still has the reason
SET outbox.missing_slot = ignore;
SELECT slot_name, state, emit_accepts, refusal FROM outbox.status;
RESET outbox.missing_slot;

-- pg_monitor may look, PUBLIC may not
CREATE ROLE regress_outbox_monitor IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_monitor;
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_monitor;
SELECT state FROM outbox.status;
\set VERBOSITY terse
SELECT outbox.delivered('0/0');
SELECT FROM outbox.emit('t', 'k', '{}');
SET ROLE regress_outbox_user;
SELECT state FROM outbox.status;
SELECT outbox.delivered('0/0');
SELECT * FROM outbox.emit_refusal();
RESET ROLE;
DROP OWNED BY regress_outbox_user, regress_outbox_monitor;
DROP ROLE regress_outbox_monitor, regress_outbox_user;
