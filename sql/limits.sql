-- Everything has a bound: the topic's name, the depth of the payload, the size of the event, and that size's own ceiling.
\set slot regress_limits
\i sql/include/helpers.sql

-- a topic has 1 to 249 of Kafka's characters
SELECT pg_temp.refusal(format('SELECT outbox.emit(repeat(''t'', %s), ''k'', ''{}'')', size)) FROM (VALUES (1), (249), (250), (100000), (0)) AS given(size);
SELECT topic, pg_temp.refusal(format('SELECT outbox.emit(%L, ''k'', ''{}'')', topic)) FROM (VALUES
    ('azAZ09._-'), ('...'), ('.a'), ('..a'), ('a.'), ('-'), ('_'), ('.'), ('..'), ('a b'), ('a/b'), ('a"b'), ('a\b'), ('a,b'), ('a*'), (' a'), ('a ')) AS given(topic);
SELECT pg_temp.refusal('SELECT outbox.emit(topic, ''k'', ''{}'') FROM (VALUES (E''a\nb''), (E''\u00e9''), (E''a\u0301'')) AS given(topic)');
SELECT length(events::json ->> 'topic') FROM pg_temp.events() AS events;

-- 512 levels of containers
CREATE FUNCTION pg_temp.nested(levels int) RETURNS text LANGUAGE sql AS $$ SELECT repeat('[', levels) || repeat(']', levels) $$;
CREATE FUNCTION pg_temp.objects(levels int) RETURNS text LANGUAGE sql AS $$ SELECT repeat('{"a":', levels - 1) || '{}' || repeat('}', levels - 1) $$;
SELECT levels, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', pg_temp.nested(%s))', levels)),
    pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', pg_temp.objects(%s))', levels)) FROM (VALUES (512), (513)) AS given(levels);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', pg_temp.nested(600)::jsonb)');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ROW(pg_temp.nested(511)::json))'), pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ROW(pg_temp.nested(512)::json))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', repeat(''['', 400000))'), pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', repeat(''{"":'', 100000))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''['' || repeat(''[1e400],'', 600) || ''1]'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''[1e400,'' || pg_temp.nested(511) || '']'')'), pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''[1e400,'' || pg_temp.nested(512) || '']'')');
SELECT length(events) FROM pg_temp.events() AS events;

-- outbox.max_event_bytes counts the whole envelope; 80 bytes of this one are not x
SHOW outbox.max_event_bytes;
SELECT size, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''"'' || repeat(''x'', %s - 80) || ''"'')', size))
FROM (VALUES (900 * 1024), (900 * 1024 + 1)) AS given(size);
SELECT length(events) FROM pg_temp.events() AS events;

-- the limit does not count white space of the payload; it counts what escapes and base64 add, and keys, types and headers
SET outbox.max_event_bytes = 200;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', repeat('' '', 1000) || ''1'')');
SELECT size, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', to_jsonb(repeat(E''\x01'', %s)))', size)) FROM (VALUES (20), (21)) AS given(size);
SELECT size, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', convert_to(repeat(''x'', %s), ''UTF8''))', size)) FROM (VALUES (84), (85)) AS given(size);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', repeat(''k'', 200), ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', repeat(''x'', 200))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, jsonb_build_object(''h'', repeat(''x'', 200)))');
SELECT length(events) FROM pg_temp.events() AS events;

-- a thousand headers
RESET outbox.max_event_bytes;
SELECT count, pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, (SELECT jsonb_object_agg(''h'' || n, '''') FROM generate_series(1, %s) AS n))', count))
FROM (VALUES (1000), (1001)) AS given(count);
SELECT length(events) FROM pg_temp.events() AS events;

-- nobody may set outbox.max_event_bytes above 64 MB
SET outbox.max_event_bytes = '64MB';
SELECT left(pg_temp.refusal(format('SET outbox.max_event_bytes = %L', bytes)), 5) FROM (VALUES ('67108865'), ('65MB'), ('0'), ('-1'), ('')) AS given(bytes);

-- key, type and headers have 900 kB, whatever outbox.max_event_bytes is; 65 of these bytes are not x
SELECT size, pg_temp.refusal(format('SELECT outbox.emit(''t'', repeat(''x'', %s - 65), ''{}'')', size)) FROM (VALUES (900 * 1024), (900 * 1024 + 1)) AS given(size);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', repeat(''x'', 1000000))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, jsonb_build_object(''h'', repeat(''x'', 1000000)))');
SELECT length(events) FROM pg_temp.events() AS events;

-- an event of 64 MB is accepted, one of a byte more is refused; so is every argument that is too large by itself
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''"'' || repeat(''x'', 67108864 - 80) || ''"'')');
SELECT length(events) FROM pg_temp.events() AS events;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''"'' || repeat(''x'', 67108865 - 80) || ''"'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', repeat('' '', 67108865))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', repeat(''k'', 67108865), ''{}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', repeat(''x'', 67108865))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', convert_to(repeat(''x'', 67108865), ''UTF8''))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', convert_to(repeat(''x'', 60000000), ''UTF8''))');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ROW(repeat(''x'', 67108864)))');
SELECT pg_temp.events();

-- emit refuses an argument that is too large before it writes any of it: here 60 MB, of which each byte would become two
RESET outbox.max_event_bytes;
CREATE TEMP TABLE large AS SELECT repeat('"', 60000000) AS quotes, convert_to(repeat('x', 60000000), 'UTF8') AS bytes;
SET statement_timeout = '1s';
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', quotes, ''{}'') FROM large');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', quotes) FROM large');
SELECT pg_temp.refusal('SELECT outbox.emit(quotes, ''k'', ''{}'') FROM large');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', bytes) FROM large');
RESET statement_timeout;

SELECT 'dropped' FROM pg_drop_replication_slot('regress_limits');
