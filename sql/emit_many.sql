-- outbox.emit_many() emits one event for each element of its payloads, all or none of them.
\set slot regress_emit_many
\i sql/include/helpers.sql

SELECT array_length(outbox.emit_many('t', ARRAY['a', 'b', NULL], ARRAY['{"n": 1}', '{"n": 2}', '{"n": 3}'], ARRAY['one', NULL, 'three'], ARRAY['{"h": "1"}', NULL, '{}']::jsonb[]), 1);
SELECT array_length(outbox.emit_many('t', ARRAY[1, 2]::bigint[], ARRAY['{"b": 1.00, "a": 2}', NULL]::json[]), 1);
SELECT array_length(outbox.emit_many('t', ARRAY['01930000-0000-7000-8000-000000000000']::uuid[], ARRAY['{"b": 1.00, "a": 2}']::jsonb[]), 1);
SELECT array_length(outbox.emit_many('t', ARRAY['bytes', 'more'], ARRAY['\x00', '\xff']::bytea[]), 1);
SELECT array_length(outbox.emit_many('t', '{"literal", "literals"}'::text[], '{"1", "2"}'), 1);
SELECT array_length(outbox.emit_many('t', ARRAY[7], ARRAY['"integer"']), 1);
SELECT array_length(outbox.emit_many('t', NULL::text[], ARRAY['"no keys"']), 1);
SELECT array_length(outbox.emit_many('t', ARRAY['varchar']::varchar[], ARRAY['{}']::varchar[], headers => ARRAY['{"h": "v"}']::jsonb[]), 1);
SELECT outbox.emit_many('t', '{}'::text[], '{}'::text[]);
CREATE TABLE public.regress_rows (id int, item text);
INSERT INTO public.regress_rows VALUES (1, 'Macbook'), (2, 'Mouse');
SELECT array_length(outbox.emit_many('rows', array_agg(id::bigint ORDER BY id), array_agg(r ORDER BY id)), 1) FROM public.regress_rows AS r;
SELECT pg_temp.events();
DROP TABLE public.regress_rows;

-- ids in the order of the events, each its own
SELECT outbox.emit_many('t', ARRAY['a', 'b', 'c'], ARRAY['1', '2', '3']) AS ids \gset
SELECT string_agg(data::json ->> 'id', ',') = array_to_string(:'ids'::uuid[], ',') FROM pg_logical_slot_get_changes('regress_emit_many', NULL, NULL) WHERE data LIKE '{"topic"%';

-- array bounds do not matter, and many events take the memory of one
SELECT array_lower(outbox.emit_many('t', '[5:6]={a,b}'::text[], '[-1:0]={1,2}'), 1);
SELECT array_length(outbox.emit_many('t', array_agg(n), array_agg('"x"'::text)), 1) FROM generate_series(1::bigint, 20000) AS n;
SELECT count(*) FROM pg_temp.events();

-- all or none, and the error's context has the number of the event
SELECT outbox.emit_many('t', ARRAY['a', 'b'], ARRAY['{}', '{secret']);
SELECT pg_temp.refusal(call) FROM (VALUES
    ($$SELECT outbox.emit_many('t', ARRAY['a'], NULL::text[])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a', 'b'], ARRAY['{}'])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a'], ARRAY['{}'], ARRAY['x', 'y'])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a'], ARRAY['{}'], NULL, '{}'::jsonb[])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a', 'b'], ARRAY[ARRAY['{}', '{}']])$$),
    ($$SELECT outbox.emit_many(NULL, ARRAY['a'], ARRAY['{}'])$$),
    ($$SELECT outbox.emit_many('bad topic', ARRAY['a'], ARRAY['{}'])$$),
    ($$SELECT outbox.emit_many('t', ARRAY[NULL], ARRAY[NULL])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a'], ARRAY[1.5])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a'], ARRAY['{}'], ARRAY['{"h": "v"}'])$$),
    ($$SELECT outbox.emit_many('t', ARRAY['a'], ARRAY['{}'], NULL, ARRAY['["secret"]'::jsonb])$$)) AS given(call);
SELECT pg_temp.events();

-- who may call it
CREATE ROLE regress_outbox_user;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT outbox.emit_many('t', ARRAY['a'], ARRAY['{}']);
RESET ROLE;
REVOKE USAGE ON SCHEMA outbox FROM regress_outbox_user;
DROP ROLE regress_outbox_user;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_emit_many');
