-- Events are UTF-8 whatever the database's encoding: converted from LATIN1, checked where SQL_ASCII promises nothing.
SET client_min_messages = warning;
\t on
\a
SELECT current_database() AS here \gset
CREATE DATABASE regress_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE regress_sql_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';

\c regress_latin1
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_encoding', 'outbox');
CREATE FUNCTION pg_temp.latin1(hex text) RETURNS text LANGUAGE sql AS $$ SELECT convert_from(decode(hex, 'hex'), 'LATIN1') $$;

-- key, type, headers and payload of each kind: e4 is an umlaut
SELECT FROM outbox.emit('t', pg_temp.latin1('e4'), pg_temp.latin1('22e422'), pg_temp.latin1('e4'), jsonb_build_object(pg_temp.latin1('e4'), pg_temp.latin1('e4')));
SELECT FROM outbox.emit('t', 'json', pg_temp.latin1('5b22e4222c225c753230616322205d')::json);
SELECT FROM outbox.emit('t', 'jsonb', to_jsonb(pg_temp.latin1('e4')));
SELECT FROM outbox.emit('t', 'row', ROW(pg_temp.latin1('e4')));
SELECT FROM outbox.emit('t', 'bytea', '\xe4'::bytea);
\set VERBOSITY sqlstate
SELECT FROM outbox.emit(pg_temp.latin1('e4'), 'k', '{}');
-- the slot's text is not the database's: SQL sees it as bytes
SELECT FROM pg_logical_slot_peek_changes('regress_encoding', NULL, NULL);
\set VERBOSITY default
SELECT regexp_replace(encode(data, 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_binary_changes('regress_encoding', NULL, NULL) WHERE substr(data, 1, 8) = '{"topic"';
-- sizes are those of UTF-8
SET outbox.max_event_bytes = 100;
SELECT FROM outbox.emit('t', 'k', pg_temp.latin1('22' || repeat('e4', 10) || '22'));
SELECT FROM outbox.emit('t', 'k', pg_temp.latin1('22' || repeat('e4', 11) || '22'));
SELECT 'dropped' FROM pg_drop_replication_slot('regress_encoding');

\c regress_sql_ascii
SET client_min_messages = warning;
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_encoding', 'outbox');
CREATE FUNCTION pg_temp.text(hex text) RETURNS text LANGUAGE sql AS $$ SELECT convert_from(decode(hex, 'hex'), 'SQL_ASCII') $$;
SELECT FROM outbox.emit('t', pg_temp.text('c3a4'), pg_temp.text('22c3a422'));
SELECT FROM outbox.emit('t', pg_temp.text('e4'), '{}');
SELECT FROM outbox.emit('t', 'k', '{}', pg_temp.text('c3'));
SELECT FROM outbox.emit('t', 'k', pg_temp.text('22e422'));
SELECT FROM outbox.emit('t', 'k', pg_temp.text('22eda08022'));
SELECT FROM outbox.emit('t', 'k', ROW(pg_temp.text('ff')));
SELECT FROM outbox.emit('t', 'k', '{}', NULL, jsonb_build_object('h', pg_temp.text('ff')));
SELECT regexp_replace(encode(convert_to(data, 'SQL_ASCII'), 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_changes('regress_encoding', NULL, NULL) WHERE data LIKE '{"topic"%';
SELECT 'dropped' FROM pg_drop_replication_slot('regress_encoding');

\c :here
DROP DATABASE regress_latin1;
DROP DATABASE regress_sql_ascii;
