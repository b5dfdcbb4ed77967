-- Every way of calling resolves without a cast: literals, prepared statements with and without types, named arguments, PL/pgSQL, triggers.
\set slot regress_callers
\i sql/include/helpers.sql
CREATE TEMP TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, item varchar(40), detail jsonb);

-- literals, and names
SELECT FROM outbox.emit('t', 'literal', '{}');
SELECT FROM outbox.emit('t', 'literal', '{}', 'type', '{"h": "v"}');
SELECT FROM outbox.emit(payload => '{}', key => 'named', topic => 't', headers => '{"h": "v"}');
SELECT FROM outbox.emit('t', 'mixed', payload => '{}', type => 'type');
SELECT pg_temp.events();

-- prepared without types, as most drivers do
PREPARE untyped AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE untyped('t', 'untyped', '{"a": 1}', 'type', '{"h": "v"}');
EXECUTE untyped('t', 'untyped', NULL, NULL, NULL);
EXECUTE untyped('t', NULL, '{}', NULL, NULL);
PREPARE untyped_short AS SELECT FROM outbox.emit($1, $2, $3);
EXECUTE untyped_short('t', 'untyped', '{"a": 1}');
SELECT pg_temp.events();

-- prepared with types, as JDBC does
PREPARE as_varchar(varchar, varchar, varchar, varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4);
EXECUTE as_varchar('t', 'varchar', '{"a": 1}', 'type');
PREPARE as_bigint(text, bigint, text) AS SELECT FROM outbox.emit($1, $2, $3);
EXECUTE as_bigint('t', 42, '{"a": 1}');
PREPARE as_uuid(text, uuid, json) AS SELECT FROM outbox.emit($1, $2, $3);
EXECUTE as_uuid('t', '01930000-0000-7000-8000-000000000000', '{"a": 1}');
PREPARE as_jsonb(text, text, jsonb, text, jsonb) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE as_jsonb('t', 'jsonb', '{"a": 1}', 'type', '{"h": "v"}');
PREPARE as_bytea(text, integer, bytea) AS SELECT FROM outbox.emit($1, $2, $3);
EXECUTE as_bytea('t', 1, '\x00');
SELECT pg_temp.events();

-- a generic plan resolves as well
SET plan_cache_mode = force_generic_plan;
EXECUTE untyped('t', 'generic', '{"a": 1}', 'type', '{"h": "v"}');
EXECUTE as_bigint('t', 42, '{"a": 1}');
RESET plan_cache_mode;
SELECT pg_temp.events();

-- PL/pgSQL: variables, expressions, dynamic SQL
DO $$
DECLARE
    id uuid;
    topic varchar := 't';
    key int := 7;
    payload jsonb := '{"a": 1}';
BEGIN
    id := outbox.emit(topic, key, payload);
    PERFORM outbox.emit('t', 'perform', jsonb_build_object('a', 1));
    EXECUTE 'SELECT outbox.emit($1, $2, $3)' INTO id USING topic, key, payload;
    EXECUTE 'SELECT outbox.emit($1, $2, $3)' INTO id USING 't', 'text', '{}';
END $$;
SELECT pg_temp.events();

-- triggers: row, statement, deferred; rows written by INSERT, UPDATE, DELETE and COPY
CREATE FUNCTION pg_temp.on_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('orders', coalesce(NEW.id, OLD.id), NEW, lower('order.' || TG_OP));
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

CREATE TEMP TABLE late (id bigint, item text);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
BEGIN;
INSERT INTO late VALUES (1, 'deferred');
SELECT FROM outbox.emit('t', 'before the trigger', '{}');
COMMIT;
SELECT pg_temp.events();

-- SQL functions, CTEs, a call for each row
CREATE FUNCTION pg_temp.wrapped(bigint, jsonb) RETURNS uuid LANGUAGE sql AS $$ SELECT outbox.emit('wrapped', $1, $2) $$;
SELECT FROM pg_temp.wrapped(1, '{}');
WITH placed AS (INSERT INTO late VALUES (2, 'cte') RETURNING id, item) SELECT FROM placed, LATERAL outbox.emit('cte', id, placed);
SELECT FROM (SELECT outbox.emit('many', n, to_jsonb(n)) FROM generate_series(1, 3) AS n OFFSET 0) AS s;
SELECT pg_temp.events();

-- in one statement with the row: RETURNING, also for only those rows that ON CONFLICT DO NOTHING has written, and a CTE that is read
CREATE TEMP TABLE unique_orders (id int PRIMARY KEY, item text);
INSERT INTO unique_orders VALUES (1, 'returning') RETURNING outbox.emit('orders', id, unique_orders) IS NULL AS no_id;
INSERT INTO unique_orders VALUES (1, 'conflict'), (2, 'written') ON CONFLICT DO NOTHING RETURNING outbox.emit('orders', id, unique_orders) IS NULL AS no_id;
WITH placed AS (INSERT INTO unique_orders VALUES (3, 'cte') RETURNING *) SELECT outbox.emit('orders', id, placed) IS NULL AS no_id FROM placed;
SELECT pg_temp.events();

-- what nobody reads the planner does not run: no error, no event
WITH unread AS (SELECT outbox.emit('orders', 4, '{}')) INSERT INTO unique_orders VALUES (4, 'unread');
SELECT EXISTS (SELECT outbox.emit('orders', 4, '{}'));
SELECT coalesce('x', (SELECT outbox.emit('orders', 4, '{}')::text));
SELECT pg_temp.events();

-- a BEFORE trigger emits for a row that is then not written
CREATE FUNCTION pg_temp.before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('before', NEW.id, NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT ON unique_orders FOR EACH ROW EXECUTE FUNCTION pg_temp.before_row();
INSERT INTO unique_orders VALUES (1, 'not written') ON CONFLICT DO NOTHING;
SELECT pg_temp.events();

-- partitions (a row that moves is deleted and inserted), and rules
CREATE TABLE regress_parted (id int, part int) PARTITION BY LIST (part);
CREATE TABLE regress_parted_1 PARTITION OF regress_parted FOR VALUES IN (1);
CREATE TABLE regress_parted_2 (part int, id int);
ALTER TABLE regress_parted ATTACH PARTITION regress_parted_2 FOR VALUES IN (2);
CREATE TRIGGER on_row AFTER INSERT OR UPDATE OR DELETE ON regress_parted FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
INSERT INTO regress_parted VALUES (1, 1);
UPDATE regress_parted SET part = 2;
DELETE FROM regress_parted;
DROP TABLE regress_parted;
CREATE TEMP TABLE ruled (id int, item text);
CREATE RULE emit AS ON INSERT TO ruled DO ALSO SELECT outbox.emit('ruled', NEW.id, NEW.item::jsonb) IS NULL AS no_id;
INSERT INTO ruled VALUES (1, '"one"'), (2, '"two"');
SELECT pg_temp.events();

-- MERGE, where the server has it, fires the ordinary triggers
CREATE TRIGGER on_row AFTER INSERT OR UPDATE ON ruled FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();
DROP RULE emit ON ruled;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'MERGE INTO ruled USING (VALUES (2, ''updated''), (3, ''inserted'')) AS s(id, item) ON ruled.id = s.id
            WHEN MATCHED THEN UPDATE SET item = s.item WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.item)';
    ELSE
        UPDATE ruled SET item = 'updated' WHERE id = 2;
        INSERT INTO ruled VALUES (3, 'inserted');
    END IF;
END $$;
SELECT pg_temp.events();

-- a transaction that comes from another server
SELECT pg_replication_origin_create('regress_callers') > 0;
SELECT pg_replication_origin_session_setup('regress_callers');
SELECT FROM outbox.emit('t', 'origin', '{}');
SELECT pg_replication_origin_session_reset();
SELECT pg_replication_origin_drop('regress_callers');
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_callers');
