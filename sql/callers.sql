-- Every way of calling emit resolves without a cast: literals, prepared statements with and without types, named arguments, PL/pgSQL.
-- Triggers: see triggers.sql.
\set slot regress_callers
\i sql/include/helpers.sql
CREATE TEMP TABLE late (id bigint, item text);

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

-- SQL functions, CTEs, a call for each row
CREATE FUNCTION pg_temp.wrapped(bigint, jsonb) RETURNS uuid LANGUAGE sql AS $$ SELECT outbox.emit('wrapped', $1, $2) $$;
SELECT FROM pg_temp.wrapped(1, '{}');
WITH placed AS (INSERT INTO late VALUES (2, 'cte') RETURNING id, item) SELECT FROM placed, LATERAL outbox.emit('cte', id, placed);
SELECT FROM (SELECT outbox.emit('many', n, to_jsonb(n)) FROM generate_series(1, 3) AS n OFFSET 0) AS s;
SELECT pg_temp.events();

-- row and event in one statement: RETURNING, which skips the rows that ON CONFLICT DO NOTHING has not written, and a CTE that is read
CREATE TEMP TABLE unique_orders (id int PRIMARY KEY, item text);
INSERT INTO unique_orders VALUES (1, 'returning') RETURNING outbox.emit('orders', id, unique_orders) IS NULL AS no_id;
INSERT INTO unique_orders VALUES (1, 'conflict'), (2, 'written') ON CONFLICT DO NOTHING RETURNING outbox.emit('orders', id, unique_orders) IS NULL AS no_id;
WITH placed AS (INSERT INTO unique_orders VALUES (3, 'cte') RETURNING *) SELECT outbox.emit('orders', id, placed) IS NULL AS no_id FROM placed;
SELECT pg_temp.events();

-- the planner drops a call whose result nobody reads: there is no error and no event
WITH unread AS (SELECT outbox.emit('orders', 4, '{}')) INSERT INTO unique_orders VALUES (4, 'unread');
SELECT EXISTS (SELECT outbox.emit('orders', 4, '{}'));
SELECT coalesce('x', (SELECT outbox.emit('orders', 4, '{}')::text));
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_callers');
