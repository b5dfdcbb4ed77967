-- outbox.capture keeps what is emitted for outbox.captured(), for tests: without a slot, true to transactions and savepoints.
-- Other servers, the log, pgTAP: test/t/132_capture.t.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS outbox;
\t on
\a

-- off: nothing is kept, and captured() fails, so that nobody takes it for "nothing was emitted"
SELECT * FROM outbox.captured();

-- on: the events of the transaction. No slot is needed
BEGIN;
SET LOCAL outbox.capture = on;
SELECT count(*) FROM outbox.captured();
SELECT outbox.emit('orders', 42, '{"item": "Macbook", "n": [1, 2]}', 'order.created', '{"h": "v"}') AS id \gset
SELECT FROM outbox.emit('orders', 'bytes', '\x00ff'::bytea);
SELECT FROM outbox.emit('orders', 'tombstone', NULL);
SELECT FROM outbox.emit('orders', NULL::text, 'null');
INSERT INTO outbox.events (topic, key, payload) VALUES ('view', 'k', '1');
SELECT FROM outbox.emit_many('many', ARRAY['a', 'b'], ARRAY['1', '2']);
SELECT topic, key, type, headers, payload, payload_bytes, id IS NOT NULL, id = :'id' FROM outbox.captured();
SELECT outbox.was_emitted('orders'), outbox.was_emitted('orders', '42'), outbox.was_emitted('orders', '42', '{"item": "Macbook"}'), outbox.was_emitted('orders', NULL, '{"n": [2]}');
SELECT outbox.was_emitted('other'), outbox.was_emitted('orders', '43'), outbox.was_emitted('orders', '42', '{"item": "Mouse"}');
-- emit refuses the same events as without capture
SAVEPOINT s;
SELECT FROM outbox.emit('bad topic', 'k', '{}');
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'k', '{');
ROLLBACK;
BEGIN;
SET LOCAL outbox.capture = on;
SELECT count(*) FROM outbox.captured();
COMMIT;

-- savepoints
BEGIN;
SET LOCAL outbox.capture = on;
SELECT FROM outbox.emit('t', '1', '{}');
SAVEPOINT a;
SELECT FROM outbox.emit('t', 'rolled back with a', '{}');
SAVEPOINT b;
SELECT FROM outbox.emit('t', 'released into a', '{}');
RELEASE b;
SAVEPOINT c;
SELECT FROM outbox.emit('t', 'rolled back with c', '{}');
ROLLBACK TO c;
SELECT FROM outbox.emit('t', 'rolled back with a, after c', '{}');
SELECT string_agg(key, ', ') FROM outbox.captured();
ROLLBACK TO a;
SELECT FROM outbox.emit('t', '2', '{}');
RELEASE a;
SAVEPOINT d;
SELECT FROM outbox.emit('t', '3', '{}');
RELEASE d;
DO $$ BEGIN PERFORM outbox.emit('t', 'caught', '{}'); PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN PERFORM outbox.emit('t', '4', '{}'); END $$;
SELECT string_agg(key, ', ') FROM outbox.captured();
COMMIT;

-- session: those of committed transactions, too
SET outbox.capture = session;
SELECT FROM outbox.emit('t', 'first', '{}');
BEGIN;
SELECT FROM outbox.emit('t', 'rolled back', '{}');
SELECT string_agg(key, ', ') FROM outbox.captured();
ROLLBACK;
BEGIN;
SELECT FROM outbox.emit('t', 'second', '{}');
SAVEPOINT s;
SELECT FROM outbox.emit('t', 'rolled back', '{}');
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT FROM outbox.emit('t', 'prepared', '{}');
PREPARE TRANSACTION 'regress_capture';
ROLLBACK PREPARED 'regress_capture';
SELECT string_agg(key, ', ') FROM outbox.captured();
BEGIN;
SELECT FROM outbox.emit('t', 'third', '{}');
SET outbox.capture = on;
SELECT string_agg(key, ', ') FROM outbox.captured();
COMMIT;
SELECT string_agg(key, ', ') FROM outbox.captured();
SET outbox.capture = session;
SELECT FROM outbox.emit('t', 'fourth', '{}');
RESET outbox.capture;
SET outbox.capture = session;
SELECT count(*) FROM outbox.captured();
BEGIN;
SELECT FROM outbox.emit('t', 'fifth', '{}');
SET outbox.capture = off;
ROLLBACK;
SELECT string_agg(key, ', ') FROM outbox.captured();
RESET outbox.capture;

-- where a slot can deliver, the events are delivered as usual; where the slots that must deliver cannot, nothing is written
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_capture', 'outbox');
SET outbox.capture = on;
SELECT FROM outbox.emit('t', 'delivered', '{}');
SET outbox.slots = regress_absent;
SELECT FROM outbox.emit('t', 'kept only', '{}');
SELECT FROM outbox.emit('t', 'kept only', '{}');
RESET outbox.capture;
\set VERBOSITY terse
SELECT FROM outbox.emit('t', 'refused', '{}');
\set VERBOSITY default
RESET outbox.slots;
SELECT data::json ->> 'key' FROM pg_logical_slot_get_changes('regress_capture', NULL, NULL) WHERE data LIKE '{"topic"%';
SELECT 'dropped' FROM pg_drop_replication_slot('regress_capture');

-- a payload that jsonb cannot hold is an error that does not show the payload; an escaped backslash before "u0000" is none
BEGIN;
SET LOCAL outbox.capture = on;
SELECT FROM outbox.emit('t', 'k', '{"is": "\\u0000"}');
SELECT payload FROM outbox.captured();
SELECT FROM outbox.emit('t', 'k', '{"secret": "\\\u0000"}');
DO $$
DECLARE
    context text;
BEGIN
    PERFORM outbox.was_emitted('t');
EXCEPTION WHEN untranslatable_character THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RAISE WARNING '%, payload in context: %', SQLERRM, strpos(context, 'secret') > 0;
END $$;
ROLLBACK;

-- at most 64 MB
BEGIN;
SET LOCAL outbox.capture = on;
SET LOCAL outbox.max_event_bytes = '40MB';
SELECT FROM outbox.emit('t', 'large', repeat('x', 30000000)::bytea);
SELECT FROM outbox.emit('t', 'larger', repeat('x', 30000000)::bytea);
ROLLBACK;

-- any role may capture; who may look is a matter of grants
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO regress_outbox_user;
SET ROLE regress_outbox_user;
SET outbox.capture = true;
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT * FROM outbox.captured();
RESET ROLE;
RESET outbox.capture;
SET outbox.capture = sometimes;
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;
