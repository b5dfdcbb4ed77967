-- outbox.topics: once it has a row, events go to the topics in it only, by those who may, and as its function demands. Other sessions learn of a
-- change with their next event: test/specs/topics.spec.
\set slot regress_topics
\i sql/include/helpers.sql
CREATE FUNCTION public.regress_check(key text, payload jsonb, headers jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN payload IS NULL THEN NULL WHEN NOT payload ? 'item' THEN 'an order needs an item' WHEN headers ->> 'tenant' IS NULL THEN format('no tenant for key %s', key) END $$;

-- while the table is empty every topic is accepted; otherwise a mistyped topic is refused with the nearest name
SELECT FROM outbox.emit('anything', 'k', '{}');
INSERT INTO outbox.topics (name) VALUES ('orders'), ('order.lines'), ('customers');
SELECT FROM outbox.emit('orders', 'k', '{}');
SELECT pg_temp.refusal(format('SELECT outbox.emit(%L, ''k'', ''{}'')', topic)) FROM (VALUES ('oders'), ('Orders'), ('customer'), ('order-lines'), ('x'), (repeat('orders', 40)), ('bad topic')) AS given(topic);
INSERT INTO outbox.topics (name) VALUES ('oders');
SELECT FROM outbox.emit('oders', 'k', '{}');
DELETE FROM outbox.topics WHERE name = 'oders';
SELECT pg_temp.refusal('SELECT outbox.emit(''oders'', ''k'', ''{}'')');
SELECT pg_temp.refusal('INSERT INTO outbox.events (topic, key, payload) VALUES (''oders'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit_many(''oders'', ARRAY[''k''], ARRAY[''{}''])');
SELECT pg_temp.events();

-- a change applies at once, also in the same transaction; a rollback undoes it
BEGIN;
INSERT INTO outbox.topics (name) VALUES ('new');
SELECT FROM outbox.emit('new', 'k', '{}');
SAVEPOINT s;
UPDATE outbox.topics SET name = 'newer' WHERE name = 'new';
SELECT FROM outbox.emit('newer', 'k', '{}');
ROLLBACK TO s;
SELECT pg_temp.refusal('SELECT outbox.emit(''newer'', ''k'', ''{}'')');
SELECT FROM outbox.emit('new', 'k', '{}');
ROLLBACK;
SELECT pg_temp.refusal('SELECT outbox.emit(''new'', ''k'', ''{}'')');
-- a change applies whatever the transaction's snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM outbox.topics;
SELECT FROM outbox.emit('orders', 'k', '{}');
COMMIT;
SELECT pg_temp.events();

-- who may write: emit's own right and a role of the topic; a view of one topic and an attached table have rights of their own
CREATE ROLE regress_outbox_seller;
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
GRANT INSERT ON outbox.events TO regress_outbox_user;
UPDATE outbox.topics SET writers = '{regress_outbox_seller,regress_absent}' WHERE name = 'orders';
SELECT outbox.create_topic_view('orders', 'regress_orders_events', 'public');
CREATE TABLE public.regress_orders (id int PRIMARY KEY);
SELECT outbox.attach('public.regress_orders', 'orders');
GRANT INSERT ON public.regress_orders_events, public.regress_orders TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('orders', 'k', '{}');
INSERT INTO outbox.events (topic, key, payload) VALUES ('orders', 'k', '{}');
SELECT FROM outbox.emit('customers', 'of the user', '{}');
INSERT INTO public.regress_orders_events (key, payload) VALUES ('by the view', '{}');
INSERT INTO public.regress_orders VALUES (1);
RESET ROLE;
-- a role makes no door of its own to a topic that it may not write to
GRANT CREATE ON SCHEMA public TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT outbox.create_topic_view('orders', 'regress_own_events', 'public');
CREATE TABLE public.regress_own (id int PRIMARY KEY);
SELECT outbox.attach('public.regress_own', 'orders');
CREATE TABLE public.regress_own_outbox (id uuid, aggregatetype text, aggregateid text, type text, payload jsonb);
SELECT outbox.adopt('public.regress_own_outbox');
INSERT INTO public.regress_own_events (key, payload) VALUES ('k', '{}');
INSERT INTO public.regress_own VALUES (1);
INSERT INTO public.regress_own_outbox (aggregatetype, aggregateid, payload) VALUES ('orders', 'k', '{}');
RESET ROLE;
INSERT INTO public.regress_own VALUES (1);
GRANT regress_outbox_seller TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('orders', 'a seller', '{}');
\set VERBOSITY terse
INSERT INTO outbox.topics (name) VALUES ('mine');
\set VERBOSITY default
RESET ROLE;
UPDATE outbox.topics SET writers = '{}' WHERE name = 'orders';
SELECT FROM outbox.emit('orders', 'a superuser', '{}');
SELECT pg_temp.events();
DROP TABLE public.regress_orders;
DROP VIEW public.regress_orders_events;
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user, regress_outbox_seller;

-- the check function also gets the headers of the transaction, and NULL for a payload of bytes
UPDATE outbox.topics SET writers = NULL, check_function = 'public.regress_check' WHERE name = 'orders';
SELECT pg_temp.refusal('SELECT outbox.emit(''orders'', ''k'', ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''orders'', 42, ''{"item": "Macbook"}'')');
SELECT FROM outbox.emit('orders', 42, '{"item": "Macbook"}', NULL, '{"tenant": "7"}');
SELECT FROM outbox.emit('orders', 42, NULL);
SELECT FROM outbox.emit('orders', 42, '\x00'::bytea);
BEGIN;
SET LOCAL outbox.headers = '{"tenant": "7"}';
SELECT FROM outbox.emit('orders', 42, '{"item": "Mouse"}');
COMMIT;
SELECT FROM outbox.emit('customers', 'k', '{}');
SELECT pg_temp.events();
CREATE SCHEMA regress_later;
ALTER FUNCTION public.regress_check SET SCHEMA regress_later;
SELECT pg_temp.refusal('SELECT outbox.emit(''orders'', 42, ''{"item": "Macbook"}'')');
DROP SCHEMA regress_later CASCADE;

-- values that the table accepts and refuses
SELECT pg_temp.refusal(format('INSERT INTO outbox.topics (name, check_function) VALUES (%L, %L)', name, check_function)) LIKE '23514%'
FROM (VALUES ('bad topic', NULL), ('..', NULL), ('__mine', NULL), ('t', 'unqualified'), ('t', 'a.b.c')) AS given(name, check_function);
SELECT pg_temp.refusal('SELECT outbox.topics_changed()');
-- a check function that is STRICT would pass events without headers, and the server's error for a payload that is no jsonb would show the payload
CREATE FUNCTION public.regress_strict(key text, payload jsonb, headers jsonb) RETURNS text LANGUAGE sql STRICT AS $$ SELECT 'no' $$;
INSERT INTO outbox.topics (name, check_function) VALUES ('strict', 'public.regress_strict');
SELECT FROM outbox.emit('strict', 'k', '{}');
ALTER FUNCTION public.regress_strict(text, jsonb, jsonb) CALLED ON NULL INPUT;
SELECT FROM outbox.emit('strict', 'k', '{}');
SELECT FROM outbox.emit('strict', 'k', '{"secret":"\u0000"}'::text);
DROP FUNCTION public.regress_strict(text, jsonb, jsonb);

-- a session in which triggers do not run, as that of a restore, tells all sessions of its changes nevertheless
SET session_replication_role = replica;
INSERT INTO outbox.topics (name) VALUES ('restored');
RESET session_replication_role;
SELECT FROM outbox.emit('restored', 'k', '{}');
TRUNCATE outbox.topics;
SELECT FROM outbox.emit('anything', 'again', '{}');
SELECT pg_temp.events();

-- outbox.require_transaction: an event in autocommit is an error or a warning; any role may set it
SET outbox.require_transaction = error;
SELECT FROM outbox.emit('t', 'k', '{}');
INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'k', '{}');
BEGIN;
SELECT FROM outbox.emit('t', 'in a block', '{}');
COMMIT;
CREATE TABLE public.regress_orders (id int PRIMARY KEY);
SELECT outbox.attach('public.regress_orders', 'attached');
INSERT INTO public.regress_orders VALUES (1);
DROP TABLE public.regress_orders;
SET outbox.require_transaction = warning;
SELECT FROM outbox.emit('t', 'with a warning', '{}');
RESET outbox.require_transaction;
SELECT pg_temp.events();
SELECT 'dropped' FROM pg_drop_replication_slot('regress_topics');
