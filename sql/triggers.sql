-- A trigger emits for the rows that INSERT, UPDATE, DELETE, COPY or MERGE writes: for each row, for each statement, or at the commit.
\set slot regress_triggers
\i sql/include/helpers.sql
CREATE TEMP TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, item varchar(40), detail jsonb);

-- triggers for each row and for each statement
CREATE FUNCTION pg_temp.on_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('orders', coalesce(NEW.id, OLD.id), NEW, lower('order.' || TG_OP COLLATE "C"));
    RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.on_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('statements', NULL::text, json_agg(rows)) FROM rows;
    RETURN NULL;
END $$;
CREATE TRIGGER on_row AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
CREATE TRIGGER on_statement AFTER INSERT ON orders REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.on_statement();
INSERT INTO orders (item, detail) VALUES ('Macbook', '{"ram": 16}'), ('Mouse', NULL);
UPDATE orders SET item = 'Trackpad' WHERE id = 2;
DELETE FROM orders WHERE id = 2;
COPY orders (item) FROM stdin;
Cable
Hub
\.
SELECT pg_temp.events();

-- a deferred trigger emits at the commit
CREATE TEMP TABLE late (id bigint, item text);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
BEGIN;
INSERT INTO late VALUES (1, 'deferred');
SELECT FROM outbox.emit('t', 'before the trigger', '{}');
COMMIT;
SELECT pg_temp.events();

-- MERGE, which servers have from 15 on, fires the ordinary triggers
CREATE TEMP TABLE merged (id int, item text);
CREATE TRIGGER on_row AFTER INSERT OR UPDATE OR DELETE ON merged FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
INSERT INTO merged VALUES (1, 'first'), (2, 'second');
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO merged USING (VALUES (1, NULL), (2, ''updated''), (3, ''inserted'')) AS s(id, item) ON merged.id = s.id
            WHEN MATCHED AND s.item IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET item = s.item WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.item)';
    ELSE
        DELETE FROM merged WHERE id = 1;
        UPDATE merged SET item = 'updated' WHERE id = 2;
        INSERT INTO merged VALUES (3, 'inserted');
    END IF;
END $$;
SELECT pg_temp.events();

-- a BEFORE trigger emits for a row that is then not written
CREATE TEMP TABLE unique_orders (id int PRIMARY KEY, item text);
INSERT INTO unique_orders VALUES (1, 'written');
CREATE FUNCTION pg_temp.before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('before', NEW.id, NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT ON unique_orders FOR EACH ROW EXECUTE FUNCTION pg_temp.before_row();
INSERT INTO unique_orders VALUES (1, 'not written') ON CONFLICT DO NOTHING;
SELECT pg_temp.events();

-- the row of a trigger has the value of a stored generated column; a virtual one, which servers have from 18 on, is null there
SELECT CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END AS other \gset
CREATE TEMP TABLE priced (id int, net int, stored int GENERATED ALWAYS AS (net * 12) STORED, other int GENERATED ALWAYS AS (net * 12) :other);
CREATE TRIGGER on_row AFTER INSERT ON priced FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
INSERT INTO priced VALUES (1, 10) RETURNING outbox.emit('returned', id, priced) IS NULL AS no_id;
SELECT event ->> 'topic' AS topic, event -> 'payload' ->> 'stored' AS stored,
    (event -> 'payload' ->> 'other' IS NULL) = (:'other' = 'VIRTUAL' AND event ->> 'topic' = 'orders') AS null_where_virtual_in_a_trigger
FROM (SELECT events::json AS event FROM pg_temp.events() AS events) AS s;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_triggers');
