-- outbox.attach() makes triggers that publish the rows of a table. Whoever may write the table publishes, and needs no right to emit.
\set slot regress_attach
\i sql/include/helpers.sql
CREATE SCHEMA regress_shop;
SET search_path = regress_shop;
CREATE TABLE orders (id int PRIMARY KEY, item text, secret text, net int, gross int GENERATED ALWAYS AS (net * 2) STORED);

-- each written row becomes an event with the row as payload; a key that disappears gets a tombstone
SELECT outbox.attach('orders', 'orders');
SELECT * FROM outbox.attachments;
INSERT INTO orders VALUES (1, 'Macbook', 's', 10), (2, 'Mouse', 's', 1);
INSERT INTO orders VALUES (1, 'not written', 's', 10) ON CONFLICT DO NOTHING;
INSERT INTO orders VALUES (1, 'Mac', 's', 10) ON CONFLICT (id) DO UPDATE SET item = excluded.item;
UPDATE orders SET item = upper(item) WHERE id = 2;
UPDATE orders SET id = 3 WHERE id = 2;
DELETE FROM orders WHERE id = 3;
COPY orders (id, item) FROM stdin;
4	copied
\.
BEGIN;
DELETE FROM orders;
ROLLBACK;
SELECT pg_temp.events();
SELECT pg_temp.refusal('TRUNCATE orders');

-- the trigger follows a renamed table and an added column, and fails when its columns are gone
ALTER TABLE orders RENAME TO purchases;
ALTER TABLE purchases ADD COLUMN later text DEFAULT 'later';
ALTER TABLE purchases DROP COLUMN secret;
UPDATE purchases SET item = 'renamed' WHERE id = 4;
SELECT pg_temp.events();
ALTER TABLE purchases RENAME COLUMN id TO number;
SELECT pg_temp.refusal('UPDATE purchases SET item = ''x''');
ALTER TABLE purchases RENAME COLUMN number TO id;
SELECT outbox.detach('purchases', 'orders');
SELECT pg_temp.refusal('SELECT outbox.detach(''purchases'', ''orders'')');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'purchases'::regclass;
DELETE FROM purchases;
TRUNCATE purchases;
SELECT pg_temp.events();

-- some columns, another key, another type, some operations; several topics for one table
CREATE TABLE lines ("Order" text, position int, item text, payload jsonb, PRIMARY KEY ("Order", position));
SELECT outbox.attach('lines', 'lines', key => 'Order', type => 'line was {op}d', columns => '{item,"Order",payload}', operations => 'Insert,delete, truncate');
SELECT outbox.attach('lines', 'audit', 'position', operations => 'update');
SELECT * FROM outbox.attachments;
INSERT INTO lines VALUES ('a', 1, 'Macbook', '{"n": 1}');
UPDATE lines SET item = 'Mouse', position = 2;
DELETE FROM lines;
SELECT pg_temp.events();
SELECT pg_temp.refusal('TRUNCATE lines');
SELECT outbox.detach('lines', 'audit');
TRUNCATE lines;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'lines'::regclass AND NOT tgisinternal;
SELECT outbox.detach('lines', 'lines');

-- for each statement: the same events
SELECT outbox.attach('lines', 'bulk', 'position', columns => '{position,item}', operations => 'insert,update,delete,statement');
CREATE FUNCTION regress_shop.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% rows', (SELECT count(*) FROM new_rows); RETURN NULL; END $$;
CREATE TRIGGER a_other AFTER INSERT ON lines REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION other();
CREATE TRIGGER z_other AFTER INSERT ON lines REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION other();
SET client_min_messages = notice;
SELECT * FROM outbox.attachments;
INSERT INTO lines SELECT 'a', n, 'item ' || n FROM generate_series(1, 3) AS n;
SET client_min_messages = warning;
UPDATE lines SET position = position + 10 WHERE position > 1;
UPDATE lines SET item = 'none' WHERE false;
DELETE FROM lines;
SELECT pg_temp.events();
SET work_mem = '64kB'; -- the rows spill to disk
INSERT INTO lines SELECT 'a', n, repeat('x', 100) FROM generate_series(1, 20000) AS n;
UPDATE lines SET position = position + 100000;
RESET work_mem;
SELECT count(*), count(DISTINCT events::json ->> 'key') FROM pg_temp.events() AS events;
SELECT outbox.detach('lines', 'bulk');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'lines'::regclass AND NOT tgisinternal;

-- partitions, also one whose columns have another order
CREATE TABLE events (id bigint PRIMARY KEY, item text) PARTITION BY RANGE (id);
CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_high (item text, dropped int, id bigint NOT NULL);
ALTER TABLE events_high DROP COLUMN dropped;
SELECT outbox.attach('events', 'partitioned');
ALTER TABLE events ATTACH PARTITION events_high FOR VALUES FROM (10) TO (20);
SELECT * FROM outbox.attachments;
INSERT INTO events VALUES (1, 'low'), (11, 'high');
UPDATE events SET id = 12 WHERE id = 1;
SELECT pg_temp.events();
SELECT outbox.detach('events', 'partitioned');
SELECT outbox.attach('events', 'partitioned', columns => '{id,item}');
UPDATE events SET item = 'projected' WHERE id = 11;
SELECT outbox.detach('events', 'partitioned');
SELECT outbox.attach('events', 'partitioned', operations => 'insert,update,delete,statement');
UPDATE events SET id = id - 10, item = 'moved';
SELECT pg_temp.events();
-- a row that moves to another partition, where a trigger suppresses it, is no new row: the rows of the statement do not pair
CREATE FUNCTION regress_shop.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER suppress BEFORE INSERT ON events_high FOR EACH ROW EXECUTE FUNCTION regress_shop.suppress();
SELECT pg_temp.refusal('UPDATE events SET id = CASE id WHEN 1 THEN 11 ELSE id END');

-- keys: text, uuid, domains; other types are refused with emit's words. A long topic has a trigger, too
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE keyed (id positive PRIMARY KEY, other uuid, wrong numeric, nothing text);
SELECT outbox.attach('keyed', repeat('long.', 20));
SELECT outbox.attach('keyed', 'by.uuid', 'other');
SELECT pg_temp.refusal('SELECT outbox.attach(''keyed'', ''by.uuid'')');
INSERT INTO keyed VALUES (7, '01930000-0000-7000-8000-000000000000');
SELECT regexp_replace(events, 'long.*long', 'long') FROM pg_temp.events() AS events;
SELECT outbox.detach('keyed', 'by.uuid');
SELECT outbox.detach('keyed', repeat('long.', 20));
-- detach() of one topic leaves the triggers of another alone, whatever its name
SELECT outbox.attach('keyed', 'truncate_x', operations => 'insert, truncate');
SELECT outbox.attach('keyed', 'x', operations => 'insert, truncate');
SELECT outbox.detach('keyed', 'x');
SELECT topic FROM outbox.attachments WHERE relation = 'keyed'::regclass;
SELECT outbox.detach('keyed', 'truncate_x');
SELECT outbox.attach('keyed', 'nulls', 'nothing');
INSERT INTO keyed (id) VALUES (8);
SELECT pg_temp.events();
DELETE FROM keyed WHERE id = 8;
SELECT outbox.detach('keyed', 'nulls');
SELECT outbox.attach('keyed', 'nulls', 'nothing', operations => 'insert, update');
DELETE FROM keyed WHERE id = 8;
SELECT outbox.detach('keyed', 'nulls');
SELECT pg_temp.refusal(call) FROM (VALUES
    ($$SELECT outbox.attach('keyed', 't', 'wrong')$$), ($$SELECT outbox.attach('keyed', 't', 'absent')$$), ($$SELECT outbox.attach('lines', 't')$$), ($$SELECT outbox.attach('keyed', 'bad topic')$$),
    ($$SELECT outbox.attach('keyed', NULL)$$), ($$SELECT outbox.attach(NULL, 't')$$), ($$SELECT outbox.attach('keyed', 't', operations => 'insert,select')$$), ($$SELECT outbox.attach('keyed', 't', operations => 'truncate')$$),
    ($$SELECT outbox.attach('keyed', 't', columns => '{id,absent}')$$), ($$SELECT outbox.attach('keyed', 't', columns => '{id,other,id}')$$), ($$SELECT outbox.attach('keyed', 't', columns => '{}')$$), ($$SELECT outbox.attach('outbox.events', 't', 'key')$$), ($$SELECT outbox.attach('absent', 't')$$),
    ($$CREATE TRIGGER wrong BEFORE INSERT ON keyed FOR EACH ROW EXECUTE FUNCTION outbox.emit_row('t', 'id', 'x', ''); INSERT INTO keyed VALUES (9)$$),
    ($$CREATE TRIGGER wrong AFTER INSERT ON keyed FOR EACH ROW EXECUTE FUNCTION outbox.emit_row('t', 'id'); INSERT INTO keyed VALUES (9)$$),
    ($$CREATE TRIGGER wrong AFTER INSERT ON keyed EXECUTE FUNCTION outbox.emit_row('t', 'id', 'x', ''); INSERT INTO keyed VALUES (9)$$)) AS given(call);

-- a virtual generated column, which servers have from 18 on, has no value in a trigger
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS kind \gset
CREATE TABLE priced (id int PRIMARY KEY, net int, gross int GENERATED ALWAYS AS (net * 2) :kind);
SELECT pg_temp.refusal('SELECT outbox.attach(''priced'', ''priced'')') LIKE CASE :'kind' WHEN 'VIRTUAL' THEN '0A000: column "gross" is a virtual generated column%' ELSE 'accepted' END;
CREATE TABLE priced_later (id int PRIMARY KEY, net int);
SELECT outbox.attach('priced_later', 'some', columns => '{id,net}');
SELECT outbox.attach('priced_later', 'all');
ALTER TABLE priced_later ADD COLUMN gross int GENERATED ALWAYS AS (net * 2) :kind;
SELECT pg_temp.refusal('INSERT INTO priced_later VALUES (1, 10)') LIKE CASE :'kind' WHEN 'VIRTUAL' THEN '0A000: column "gross" is a virtual generated column%' ELSE 'accepted' END;
SELECT outbox.detach('priced_later', 'all');
SELECT pg_temp.refusal('INSERT INTO priced_later VALUES (2, 20)');
SELECT events FROM pg_temp.events() AS events WHERE events LIKE '{"topic":"some","key":"2"%';

-- who may: the owner of the table with the right to make such triggers; then whoever may write the table, without any right in the schema outbox
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA regress_shop TO regress_outbox_user;
GRANT INSERT ON priced_later TO regress_outbox_user;
SET ROLE regress_outbox_user;
INSERT INTO priced_later VALUES (3, 30);
\set VERBOSITY terse
SELECT outbox.attach('priced_later', 't', columns => '{id,net}');
RESET ROLE;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT outbox.attach('priced_later', 't', columns => '{id,net}');
RESET ROLE;
-- an UPDATE that moves a row fires the triggers of DELETE and INSERT, so those of UPDATE alone would miss it
CREATE TABLE moved (id int PRIMARY KEY) PARTITION BY LIST (id);
SELECT outbox.attach('moved', 't', 'id', operations => 'update');
SELECT outbox.attach('moved', 't', 'id', operations => 'insert, update');
SELECT outbox.attach('moved', 't', 'id', operations => 'update, statement');
SELECT pg_temp.events();
DROP EXTENSION outbox;
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;
DROP SCHEMA regress_shop CASCADE;
SELECT * FROM outbox.attachments;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_attach');
