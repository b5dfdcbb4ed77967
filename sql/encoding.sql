-- Events are UTF-8 in every database: emit converts from LATIN1, checks where SQL_ASCII promises nothing, and refuses text that has no form in
-- UTF-8.
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
-- the plugin's lines are not in the database's encoding: SQL sees them as bytes
SELECT FROM pg_logical_slot_peek_changes('regress_encoding', NULL, NULL);
\set VERBOSITY default
SELECT regexp_replace(encode(data, 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_binary_changes('regress_encoding', NULL, NULL) WHERE substr(data, 1, 8) = '{"topic"';
-- the limit counts the bytes of UTF-8
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

-- characters of EUC_JP and WIN1252 that UTF-8 does not have
CREATE DATABASE regress_euc_jp TEMPLATE template0 ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C';
\c regress_euc_jp
SET client_min_messages = warning;
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_encoding', 'outbox');
CREATE FUNCTION pg_temp.text(hex text) RETURNS text LANGUAGE sql AS $$ SELECT convert_from(decode(hex, 'hex'), 'EUC_JP') $$;
SELECT FROM outbox.emit('t', pg_temp.text('a5a2'), pg_temp.text('22a4a222'), headers => pg_temp.text('7b22c6fc223a22cbdc227d'));
SELECT FROM outbox.emit('t', pg_temp.text('a9a1'), '{}');
SELECT FROM outbox.emit('t', 'k', pg_temp.text('22a9a122'));
SELECT FROM outbox.emit('t', 'k', to_json(pg_temp.text('a9a1')));
SELECT FROM outbox.emit('t', 'k', ROW(pg_temp.text('a9a1')));
SELECT FROM outbox.emit('t', 'k', '{}', pg_temp.text('a9a1'));
SELECT FROM outbox.emit('t', 'k', '{}', NULL, jsonb_build_object(pg_temp.text('a9a1'), ''));
SELECT FROM outbox.emit('t', 'k', '{}', headers => pg_temp.text('7b2261223a22a9a1227d'));
SELECT regexp_replace(encode(data, 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_binary_changes('regress_encoding', NULL, NULL) WHERE substr(data, 1, 8) = '{"topic"';
SELECT 'dropped' FROM pg_drop_replication_slot('regress_encoding');
CREATE DATABASE regress_win1252 TEMPLATE template0 ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C';
\c regress_win1252
SET client_min_messages = warning;
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_encoding', 'outbox');
SELECT FROM outbox.emit('t', convert_from('\x80', 'WIN1252'), '{}');
SELECT FROM outbox.emit('t', convert_from('\x81', 'WIN1252'), '{}');
SELECT regexp_replace(encode(data, 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_binary_changes('regress_encoding', NULL, NULL) WHERE substr(data, 1, 8) = '{"topic"';
SELECT 'dropped' FROM pg_drop_replication_slot('regress_encoding');

-- ASCII is accepted in every encoding, also in MULE_INTERNAL (where the server still has it), which has no conversion to UTF-8
SELECT CASE WHEN pg_char_to_encoding('MULE_INTERNAL') >= 0 THEN 'MULE_INTERNAL' ELSE 'SQL_ASCII' END AS mule \gset
CREATE DATABASE regress_mule TEMPLATE template0 ENCODING :'mule' LC_COLLATE 'C' LC_CTYPE 'C';
\c 'dbname=regress_mule client_encoding=SQL_ASCII'
SET client_min_messages = warning;
CREATE EXTENSION outbox;
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_encoding', 'outbox');
SELECT FROM outbox.emit('t', 'ASCII', '{"a": "b"}', 'type', '{"h": "v"}');
SELECT FROM outbox.emit('t', convert_from(decode('81e4', 'hex'), :'mule'), '{}');
SELECT regexp_replace(encode(data, 'escape'), '"id":"[^"]*"', '"id":"*"') FROM pg_logical_slot_get_binary_changes('regress_encoding', NULL, NULL) WHERE substr(data, 1, 8) = '{"topic"';
SELECT 'dropped' FROM pg_drop_replication_slot('regress_encoding');

\c 'dbname=':here' client_encoding=UTF8'
DROP DATABASE regress_euc_jp;
DROP DATABASE regress_win1252;
DROP DATABASE regress_mule;
DROP DATABASE regress_latin1;
DROP DATABASE regress_sql_ascii;
