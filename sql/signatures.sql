-- Which function a call resolves to, for every combination of types. A call with jsonb or untyped headers resolves to one of the three
-- functions of 1.0, one with headers as text, varchar or json to a later one; a key of another type is refused with a hint on the cast.
\set slot regress_signatures
\i sql/include/helpers.sql
CREATE TYPE pg_temp.mood AS ENUM ('sad');
CREATE DOMAIN pg_temp.sku AS varchar;
CREATE DOMAIN pg_temp.order_id AS int;
CREATE DOMAIN pg_temp.jsonb_domain AS jsonb;
CREATE TEMP TABLE keys (key text, sort text); -- what kind of key that is for outbox
INSERT INTO keys VALUES ('''k''', 'text'), ('NULL', 'text'), ('''k''::text', 'text'), ('''k''::varchar', 'text'), ('''k''::char(3)', 'text'), ('''k''::name', 'text'),
    ('''k''::pg_temp.sku', 'text'), ('1', 'bigint'), ('1::smallint', 'bigint'), ('1::bigint', 'bigint'), ('1::pg_temp.order_id', 'bigint'),
    ('''01930000-0000-7000-8000-000000000000''::uuid', 'uuid'),
    ('1.5', 'none'), ('1::float8', 'none'), ('1::float4', 'none'), ('true', 'none'), ('now()::date', 'none'), ('now()', 'none'), ('''sad''::pg_temp.mood', 'none'), ('''\x00''::bytea', 'none'),
    ('ARRAY[1]', 'none'), ('''{}''::jsonb', 'none'), ('ROW(1)', 'none'), ('1::oid', 'none');
CREATE TEMP TABLE headers (headers text, sort text);
INSERT INTO headers VALUES ('', 'jsonb'), ('''{"h":"v"}''', 'jsonb'), ('NULL', 'jsonb'), ('''{"h":"v"}''::jsonb', 'jsonb'), ('''{"h":"v"}''::pg_temp.jsonb_domain', 'jsonb'),
    ('''{"h":"v"}''::text', 'text'), ('''{"h":"v"}''::varchar', 'text'), ('''{"h":"v"}''::varchar(20)', 'text'), ('''{"h":"v"}''::char(20)', 'text'), ('''{"h":"v"}''::json', 'text'),
    ('''{"h":"v"}''::pg_temp.sku', 'text'), ('NULL::varchar', 'text'), ('NULL::json', 'text');
CREATE TEMP TABLE topics AS SELECT unnest(ARRAY['''t''', '''t''::text', '''t''::varchar', '''t''::pg_temp.sku']) AS topic;
CREATE TEMP TABLE payloads AS SELECT unnest(ARRAY['''{}''', '''{}''::text', '''{}''::varchar', '''{}''::jsonb', 'ROW(1)']) AS payload;
CREATE TEMP TABLE types AS SELECT unnest(ARRAY['', '''type''', 'NULL', '''type''::text', '''type''::varchar']) AS type;

-- Functions of the same signatures that return their names.
CREATE SCHEMA regress_signatures;
SELECT format('CREATE FUNCTION regress_signatures.emit(%s) RETURNS text LANGUAGE plpgsql AS %L', pg_get_function_arguments(oid),
    format('BEGIN RETURN %L; END', oid::regprocedure)) FROM pg_proc WHERE pronamespace = 'outbox'::regnamespace AND proname = 'emit' ORDER BY oid \gexec
CREATE FUNCTION pg_temp.resolved(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE 'SELECT regress_signatures.' || call INTO found;
    RETURN found;
EXCEPTION WHEN undefined_function OR ambiguous_function THEN
    RETURN SQLERRM;
END $$;
CREATE TEMP TABLE resolved AS
    SELECT keys.sort AS key, headers.sort AS headers,
        pg_temp.resolved(format('emit(%s, %s, %s%s%s)', topic, keys.key, payload, ', ' || nullif(type, ''),
            CASE WHEN type = '' THEN ', headers => ' ELSE ', ' END || nullif(headers.headers, ''))) AS function
    FROM topics, keys, payloads, types, headers;
SELECT key, headers, function, count(*) FROM resolved GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- untyped parameters get the same types as in 1.0: a driver that asks the server for them encodes as before
PREPARE all_untyped AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
PREPARE by_name AS SELECT FROM outbox.emit(topic => $1, key => $2, payload => $3, headers => $4);
PREPARE three AS SELECT FROM outbox.emit($1, $2, $3);
PREPARE integer_key(text, int) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
PREPARE varchar_topic(varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
PREPARE jsonb_payload(text, text, jsonb, text) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
SELECT name, parameter_types FROM pg_prepared_statements ORDER BY name COLLATE "C";

-- the types that JDBC sends: setString for all five, setNull, setLong, setObject of a UUID
PREPARE jdbc(varchar, varchar, varchar, varchar, varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE jdbc('t', 'setString', '{"a": 1}', 'type', '{ "longer": "1", "b": "2" }');
EXECUTE jdbc('t', 'setNull', '{}', NULL, NULL);
PREPARE jdbc_long(varchar, bigint, varchar, varchar, varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE jdbc_long('t', 42, '{}', 'type', '{"h": "v"}');
PREPARE jdbc_int(varchar, int, varchar, varchar, varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE jdbc_int('t', -2147483648, '{}', 'type', '{"h": "v"}');
PREPARE jdbc_short(varchar, smallint, varchar, varchar, varchar) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE jdbc_short('t', -32768, '{}', 'type', '{"h": "v"}');
PREPARE jdbc_uuid(varchar, uuid, varchar, varchar, json) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE jdbc_uuid('t', '01930000-0000-7000-8000-000000000000', '{}', 'type', '{"h": "v"}');
PREPARE psycopg_json(unknown, unknown, json, unknown, json) AS SELECT FROM outbox.emit($1, $2, $3, $4, $5);
EXECUTE psycopg_json('t', 'Json', '[]', 'type', '{"h": "v"}');
SELECT FROM outbox.emit('t', 1::pg_temp.order_id, '{}', headers => '{"h": "domain"}'::varchar);
SELECT pg_temp.events();

-- keys of other types
SELECT key, split_part(pg_temp.refusal(format('SELECT outbox.emit(''t'', %s, ''{}'')', key)), E'\n', 1) FROM keys WHERE sort = 'none';
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', 1.5, ''{}'', NULL, ''{}''::varchar)');
SELECT FROM outbox.emit('t', CAST(1.50 AS text), '{}');
SELECT FROM outbox.emit('t', 12345678901234567890::text, '{}');
SELECT pg_temp.events();

DROP SCHEMA regress_signatures CASCADE;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_signatures');
