-- ALTER EXTENSION UPDATE from 1.0 makes the same objects as CREATE EXTENSION, and keeps the grants. Until then the library works with the
-- objects of 1.0.
SET client_min_messages = warning;
\t on
\a
SELECT current_database() AS here \gset
CREATE ROLE regress_outbox_user;
CREATE DATABASE regress_fresh;
CREATE DATABASE regress_upgraded;

\c regress_upgraded
SET client_min_messages = warning;
CREATE EXTENSION outbox VERSION '1.0';
SELECT 'slot' FROM pg_create_logical_replication_slot('regress_upgraded', 'outbox');
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO regress_outbox_user WITH GRANT OPTION;
CREATE VIEW public.uses_emit AS SELECT outbox.emit('t', 'view', '{}') AS id;
PREPARE prepared(int) AS SELECT FROM outbox.emit('t', $1, '{}', 'type', '{"h": "v"}');

-- the library with the objects of 1.0
SELECT FROM outbox.emit('t', 'text', '{}', 'type', '{"h": "v"}');
SELECT FROM outbox.emit('t', '01930000-0000-7000-8000-000000000000'::uuid, ROW(1));
EXECUTE prepared(1);
\set VERBOSITY sqlstate
SELECT FROM outbox.emit('t', 1.5, '{}');
\set VERBOSITY default
SET ROLE regress_outbox_user;
EXECUTE prepared(2);
SELECT FROM outbox.emit('t', 'k', '{}');
RESET ROLE;

ALTER EXTENSION outbox UPDATE;
EXECUTE prepared(3);
SELECT FROM public.uses_emit;
SELECT FROM outbox.emit('t', 1.5, '{}');
SET ROLE regress_outbox_user;
EXECUTE prepared(4);
SELECT FROM outbox.emit('t', 5, '{}', 'granted', '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', 'k', '{}');
SELECT FROM outbox.emit('t', 'k', '{}', 'not granted', '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', '01930000-0000-7000-8000-000000000000'::uuid, '{}', 'not granted', '{"h": "v"}'::varchar);
RESET ROLE;
SELECT regexp_replace(data, '"id":"[0-9a-f-]{36}"', '"id":"*"') FROM pg_logical_slot_get_changes('regress_upgraded', NULL, NULL) WHERE data LIKE '{"topic"%';
REVOKE ALL ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) FROM regress_outbox_user;
REVOKE ALL ON SCHEMA outbox FROM regress_outbox_user;
DROP VIEW public.uses_emit;

-- after the update the extension has the same objects with the same rights, comments and dependencies as a fresh one. Whoever adds a version
-- to this list adds the upgrade from it.
SELECT version FROM pg_available_extension_versions WHERE name = 'outbox' ORDER BY 1;
SELECT extversion FROM pg_extension WHERE extname = 'outbox';
\i sql/include/objects.sql
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'outbox') AND deptype = 'e'
    AND pg_describe_object(classid, objid, 0) NOT LIKE '%[]'
    AND objid NOT IN (SELECT oid FROM pg_type WHERE typtype = 'c') ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";
SELECT jsonb_agg(objects ORDER BY objects COLLATE "C") AS upgraded FROM pg_temp.objects() AS objects \gset
SELECT 'dropped' FROM pg_drop_replication_slot('regress_upgraded');
DROP OWNED BY regress_outbox_user;
\c regress_fresh
CREATE EXTENSION outbox;
\i sql/include/objects.sql
SELECT objects AS differs FROM (SELECT objects FROM pg_temp.objects() AS objects EXCEPT SELECT jsonb_array_elements_text(:'upgraded')) AS s ORDER BY 1;
SELECT objects AS differs FROM (SELECT jsonb_array_elements_text(:'upgraded') AS objects EXCEPT SELECT objects FROM pg_temp.objects() AS objects) AS s ORDER BY 1;
SELECT jsonb_array_length(:'upgraded') > 15 AS not_empty;

-- DROP EXTENSION leaves the schema, empty; CREATE EXTENSION accepts it
DROP EXTENSION outbox;
CREATE EXTENSION outbox;

\c :here
DROP DATABASE regress_fresh;
DROP DATABASE regress_upgraded;
DROP ROLE regress_outbox_user;
