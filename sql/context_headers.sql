-- outbox.headers: headers of all events of a transaction, under those of the call. Any role may set it; a wrong value is refused when it is set.
-- Behind a pooler: test/t/131_pgbouncer.t.
\set slot regress_context_headers
\i sql/include/helpers.sql

-- under the headers of the call, which wins
SET outbox.headers = ' { "traceparent" : "00-4bf9", "tenant" : "7" } ';
SELECT FROM outbox.emit('t', 'none', '{}');
SELECT FROM outbox.emit('t', 'jsonb', '{}', NULL, '{"own": "1", "tenant": "8"}');
SELECT FROM outbox.emit('t', 'text', '{}', NULL, '{ "tenant" : "8", "own" : "1" }'::text);
SELECT FROM outbox.emit('t', 'empty', '{}', NULL, '{}');
SELECT FROM outbox.emit('t', 'all', '{}', NULL, '{"traceparent": "", "tenant": ""}');
SELECT FROM outbox.emit('t', 'tombstone', NULL);
SELECT pg_temp.events();
SHOW outbox.headers;
SET outbox.headers = '{"quote\"": "1", "\u00e4": "\u20ac", "slash\/": "\u0041"}';
SELECT FROM outbox.emit('t', 'escapes', '{}');
SELECT FROM outbox.emit('t', 'escapes', '{}', NULL, '{"quote\"": "2", "ä": "2", "slash/": "2"}');
SET outbox.headers = '{}';
SELECT FROM outbox.emit('t', 'no member', '{}');
RESET outbox.headers;
SELECT FROM outbox.emit('t', 'no value', '{}');
SELECT pg_temp.events();

-- true to transactions, savepoints and functions
BEGIN;
SET LOCAL outbox.headers = '{"level": "transaction"}';
SELECT FROM outbox.emit('t', 'k', '1');
SAVEPOINT s;
SET LOCAL outbox.headers = '{"level": "rolled back"}';
ROLLBACK TO s;
SELECT FROM outbox.emit('t', 'k', '2');
SAVEPOINT s;
SET LOCAL outbox.headers = '{"level": "savepoint"}';
RELEASE s;
SELECT FROM outbox.emit('t', 'k', '3');
COMMIT;
SELECT FROM outbox.emit('t', 'k', '4');
CREATE FUNCTION pg_temp.with_setting() RETURNS uuid LANGUAGE sql SET outbox.headers = '{"level": "function"}' AS $$ SELECT outbox.emit('t', 'k', '5') $$;
SELECT FROM pg_temp.with_setting();
SELECT FROM outbox.emit('t', 'k', '6');
SELECT set_config('outbox.headers', '{"level": "set_config"}', true) <> '';
SELECT FROM outbox.emit('t', 'k', '7');
SELECT pg_temp.events();

-- refused when it is set, without a word of the value
SELECT pg_temp.refusal(format('SET outbox.headers = %L', value))
FROM (VALUES ('secret'), ('"secret"'), ('["secret"]'), ('{"secret": 1}'), ('{"secret": null}'), ('{"secret": {}}'), ('{"secret": "\u0000"}'), ('{"secret"'), ('{"a": "secret",}'),
    ('{"id": "secret"}'), ('{"a": "secret", "\u0061": ""}'), (' '), ('{"a": "b"} {}')) AS given(value);
SELECT count, pg_temp.refusal(format('SET outbox.headers = %L', (SELECT json_object_agg('h' || n, '')::text FROM generate_series(1, count) AS n))) FROM (VALUES (1000), (1001)) AS given(count);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, ''{"one more": ""}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, ''{"h1": "one of them"}'')');
SELECT length(events) FROM pg_temp.events() AS events;
SELECT pg_temp.refusal(format('SET outbox.headers = %L', '{"a": "' || repeat('x', 65536 - 9) || '"}'));
SELECT pg_temp.refusal(format('SET outbox.headers = %L', '{"a": "' || repeat('x', 65536 - 8) || '"}'));
SET outbox.max_event_bytes = 1000;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'')');
RESET outbox.max_event_bytes;
RESET outbox.headers;

-- in a session that has not loaded the library yet
\c
SET client_min_messages = warning;
BEGIN;
SET LOCAL outbox.headers = '{"set": "before the library is there"}';
SELECT FROM outbox.emit('t', 'k', '1');
COMMIT;
SELECT FROM outbox.emit('t', 'k', '2');
\c
SET client_min_messages = warning;
SET outbox.headers = '["secret"]';
SELECT FROM outbox.emit('t', 'k', '3');
SHOW outbox.headers;
SELECT regexp_replace(data, '"id":"[0-9a-f-]{36}"', '"id":"*"') FROM pg_logical_slot_get_changes('regress_context_headers', NULL, NULL) WHERE data LIKE '{"topic"%';

-- any role may set it
CREATE ROLE regress_outbox_user;
SET ROLE regress_outbox_user;
SET outbox.headers = '{"a": "b"}';
RESET ROLE;
DROP ROLE regress_outbox_user;
RESET outbox.headers;

-- in a database of another encoding the event is UTF-8 all the same
SELECT current_database() AS here \gset
CREATE DATABASE regress_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
\c regress_latin1
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_latin1', 'outbox');
SET outbox.headers = '{ "ä": "ü", "ascii": "\u20ac" }';
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"ascii": "call"}');
SET outbox.headers = '{ "ascii": "\u20ac" }';
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT substring(line FROM position('headers' IN line)) FROM pg_logical_slot_get_binary_changes('regress_latin1', NULL, NULL), encode(data, 'escape') AS line WHERE line LIKE '{"topic"%';
SET outbox.headers = '{ "ä": "ü", "id": "" }';
\set VERBOSITY terse
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_latin1');
\c :here
DROP DATABASE regress_latin1;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_context_headers');
