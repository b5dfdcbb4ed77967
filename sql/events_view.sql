-- INSERT INTO outbox.events publishes, for programs that insert rows and call no functions. RETURNING gives the id, and the number of rows is right.
-- A view of one topic has privileges of its own.
\set slot regress_events_view
\i sql/include/helpers.sql

INSERT INTO outbox.events (topic, key, payload, type, headers) VALUES ('orders', '42', '{"item": "Macbook"}', 'order.created', '{"traceparent": "00-4bf9"}') RETURNING id IS NOT NULL AS has_id, topic, key, payload, payload_bytes, type, headers;
WITH inserted AS (INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'a', '1'), ('t', 'b', '2') RETURNING id, key) SELECT count(DISTINCT id), min(key), max(key) FROM inserted;
\pset tuples_only off
\set QUIET off
INSERT INTO outbox.events (topic, key, payload_bytes) VALUES ('t', 'bytes', '\x00ff');
INSERT INTO outbox.events (topic, key) VALUES ('t', 'tombstone');
INSERT INTO outbox.events (topic, payload) VALUES ('t', '"no key"'), ('t', '["no key"]');
INSERT INTO outbox.events (topic, key, payload, headers) SELECT 't', n, to_jsonb(n), json_build_object('n', n::text) FROM generate_series(1, 3) AS n;
COPY outbox.events (topic, key, payload) FROM stdin;
t	copied	{"a": 1}
t	copied	{"a": 2}
\.
\set QUIET on
\pset tuples_only on
SELECT pg_temp.events();

-- every type that a driver may send is assigned without a cast
PREPARE as_varchar(varchar, varchar, varchar, varchar, varchar) AS INSERT INTO outbox.events (topic, key, payload, type, headers) VALUES ($1, $2, $3, $4, $5);
EXECUTE as_varchar('t', 'varchar', '{}', 'type', '{"h": "v"}');
PREPARE as_json(text, bigint, json, text, json) AS INSERT INTO outbox.events (topic, key, payload, type, headers) VALUES ($1, $2, $3, $4, $5);
EXECUTE as_json('t', 42, '{"b": 1.00, "a": 2}', 'json', '{"h": "v"}');
PREPARE as_jsonb(text, uuid, jsonb, text, jsonb) AS INSERT INTO outbox.events (topic, key, payload, type, headers) VALUES ($1, $2, $3, $4, $5);
EXECUTE as_jsonb('t', '01930000-0000-7000-8000-000000000000', '{"b": 1.00, "a": 2}', 'jsonb', '{"h": "v"}');
CREATE TYPE pg_temp.kind AS ENUM ('placed');
INSERT INTO outbox.events (topic, key, payload, type) VALUES ('t', 1.5, 7, 'placed'::pg_temp.kind);
SELECT pg_temp.events();

-- an id of the program's own is the event's id
INSERT INTO outbox.events (id, topic, key, payload) VALUES ('01930000-0000-7000-8000-000000000001', 't', 'own id', '{}') RETURNING id;
SELECT data::json ->> 'id' FROM pg_logical_slot_get_changes('regress_events_view', NULL, NULL) WHERE data LIKE '{"topic"%';

-- a rollback drops the events
BEGIN;
INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'kept', '{}');
SAVEPOINT s;
INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'rolled back', '{}');
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.events();

-- what is refused; nothing of the statement is left
SELECT pg_temp.refusal(format('INSERT INTO outbox.events (topic, key, payload, payload_bytes, type, headers) VALUES (''t'', ''before'', ''{}'', NULL, NULL, NULL), (%s)', row))
FROM (VALUES ('NULL, ''k'', ''{}'', NULL, NULL, NULL'), ('''bad topic'', ''k'', ''{}'', NULL, NULL, NULL'), ('''t'', NULL, NULL, NULL, NULL, NULL'), ('''t'', ''k'', ''{secret'', NULL, NULL, NULL'),
    ('''t'', ''k'', ''{}'', ''x'', NULL, NULL'), ('''t'', ''k'', ''{}'', NULL, ''{"h": "v"}'', NULL'), ('''t'', ''k'', ''{}'', NULL, NULL, ''["secret"]''')) AS given(row);
SELECT pg_temp.refusal('UPDATE outbox.events SET key = ''k''');
SELECT pg_temp.refusal('DELETE FROM outbox.events');
SELECT count(*) FROM outbox.events;
SELECT pg_temp.events();
SELECT pg_temp.refusal('SELECT outbox.emit_event()');
CREATE TEMP TABLE no_view (topic text);
CREATE TRIGGER emit BEFORE INSERT ON no_view FOR EACH ROW EXECUTE FUNCTION outbox.emit_event();
SELECT pg_temp.refusal('INSERT INTO no_view VALUES (''t'')');

-- a view of one topic, in the caller's schema; who may insert there publishes to that topic and to no other
CREATE SCHEMA regress_shop;
SET search_path = regress_shop;
SELECT outbox.create_topic_view('orders');
RESET search_path;
SELECT outbox.create_topic_view('order.lines', 'Order lines', 'regress_shop');
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA regress_shop TO regress_outbox_user;
GRANT INSERT, SELECT ON regress_shop.orders_events TO regress_outbox_user;
SET ROLE regress_outbox_user;
INSERT INTO regress_shop.orders_events (key, payload) VALUES ('of the user', '{}') RETURNING id IS NOT NULL;
\set VERBOSITY terse
INSERT INTO regress_shop."Order lines" (key, payload) VALUES ('k', '{}');
INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'k', '{}');
INSERT INTO regress_shop.orders_events (topic, key, payload) VALUES ('t', 'k', '{}');
SELECT outbox.create_topic_view('others', schema => 'pg_temp');
CREATE TEMP VIEW mine AS SELECT NULL::text AS topic WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON mine FOR EACH ROW EXECUTE FUNCTION outbox.emit_event();
\set VERBOSITY default
RESET ROLE;
INSERT INTO regress_shop."Order lines" (key, payload) VALUES ('of the owner', '{}');
SELECT pg_temp.events();
SELECT pg_temp.refusal(format('SELECT outbox.create_topic_view(%L)', topic)) FROM (VALUES (NULL), (''), ('bad topic'), ('..'), ('__internal'), (repeat('x', 57))) AS given(topic);
SELECT pg_temp.refusal('SELECT outbox.create_topic_view(''orders'', schema => ''outbox'')');
SELECT pg_temp.refusal('SELECT outbox.create_topic_view(''orders'', schema => ''regress_shop'')');
\set VERBOSITY terse
DROP EXTENSION outbox;
\set VERBOSITY default

-- a view of one's own, with columns of other types, some that the trigger does not know, and without others
CREATE VIEW regress_shop.typed AS SELECT NULL::bigint AS key, NULL::varchar(10) AS type, NULL::jsonb AS payload, NULL::jsonb AS headers, 0 AS other WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON regress_shop.typed FOR EACH ROW EXECUTE FUNCTION outbox.emit_event('typed');
ALTER VIEW regress_shop.typed ALTER COLUMN type SET DEFAULT 'by default';
INSERT INTO regress_shop.typed (key, payload, headers, other) VALUES (42, '{"a": 1}', '{"h": "v"}', 7);
CREATE VIEW regress_shop.wrong AS SELECT NULL::text AS key, 0 AS type, NULL::text AS payload WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON regress_shop.wrong FOR EACH ROW EXECUTE FUNCTION outbox.emit_event('t');
SELECT pg_temp.refusal('INSERT INTO regress_shop.wrong VALUES (''k'', 1, ''{}'')');
-- the event's id has no place in a column of another type, where the row has NULL
CREATE VIEW regress_shop.wrong_id AS SELECT NULL::text AS id, NULL::text AS key, NULL::text AS payload WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON regress_shop.wrong_id FOR EACH ROW EXECUTE FUNCTION outbox.emit_event('t');
SELECT pg_temp.refusal('INSERT INTO regress_shop.wrong_id (key, payload) VALUES (''k'', ''{}'')');
SELECT pg_temp.events();

DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;
DROP SCHEMA regress_shop CASCADE;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_events_view');
