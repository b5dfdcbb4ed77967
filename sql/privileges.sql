-- Nobody but the owner may emit until the owner grants it. A role that may emit may still not change the settings.
\set slot regress_privileges
\i sql/include/helpers.sql
CREATE ROLE regress_outbox_user;

SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 'no usage', '{}');
RESET ROLE;
GRANT USAGE ON SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 'no execute', '{}');
SELECT FROM outbox.emit('t', 1, '{}');
SELECT FROM outbox.emit('t', '01930000-0000-7000-8000-000000000000'::uuid, '{}');
RESET ROLE;
SELECT has_function_privilege('regress_outbox_user', oid, 'EXECUTE'), oid::regprocedure FROM pg_proc WHERE pronamespace = 'outbox'::regnamespace ORDER BY oid::regprocedure::text COLLATE "C";

-- PUBLIC may execute the functions with headers as text; they demand the right to the function with the same key and jsonb headers
SELECT FROM outbox.emit('t', 'owner', '{}', NULL, '{"h": "v"}'::varchar);
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', 1, '{}', NULL, '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', '01930000-0000-7000-8000-000000000000'::uuid, '{}', NULL, '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', 1.5, '{}');
RESET ROLE;

-- a grant for one kind of key, then for all
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 'granted', '{}');
SELECT FROM outbox.emit('t', 'granted as text', '{}', NULL, '{"h": "v"}'::varchar);
SELECT FROM outbox.emit('t', 1, '{}');
SELECT FROM outbox.emit('t', 1, '{}', NULL, '{"h": "v"}'::varchar);
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 1, '{}');
CREATE TABLE outbox.t ();
SET outbox.missing_slot = ignore;
SET outbox.max_event_bytes = 1;
RESET ROLE;

-- a SECURITY DEFINER function emits for a role that may not
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox FROM regress_outbox_user;
CREATE FUNCTION public.regress_place_order() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT outbox.emit('t', 'security definer', '{}') $$;
GRANT EXECUTE ON FUNCTION public.regress_place_order() TO regress_outbox_user;
SET ROLE regress_outbox_user;
SELECT FROM public.regress_place_order();
RESET ROLE;
SELECT data::json ->> 'key' FROM pg_logical_slot_get_changes('regress_privileges', NULL, NULL) WHERE data LIKE '%topic%';

-- the block of docs/hostile-roles.md: without a right to pg_logical_emit_message() a role cannot forge, and can still emit
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO regress_outbox_user;
BEGIN;
DO $$ DECLARE f regprocedure; BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
  END LOOP;
END $$;
SET LOCAL ROLE regress_outbox_user;
SELECT FROM outbox.emit('t', 'after the REVOKE', '{}');
SAVEPOINT s;
SELECT pg_logical_emit_message(true, 'outbox', 'forged');
ROLLBACK TO s;
SELECT pg_logical_emit_message(true, 'outbox', 'forged'::bytea);
ROLLBACK;

-- pg_dump knows that the REVOKEs are the extension script's own
SELECT count(*), bool_and(initprivs IS NOT NULL), bool_or(initprivs::text ~ '[{,]=X') FROM pg_init_privs JOIN pg_proc ON objoid = pg_proc.oid AND classoid = 'pg_proc'::regclass
WHERE pronamespace = 'outbox'::regnamespace AND proargtypes::oid[] @> ARRAY['jsonb'::regtype::oid];

DROP FUNCTION public.regress_place_order();
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;

-- the extension cannot be moved to another schema
ALTER EXTENSION outbox SET SCHEMA public;
SELECT extname, nspname, extrelocatable FROM pg_extension JOIN pg_namespace ON extnamespace = pg_namespace.oid WHERE extname = 'outbox';

SELECT 'dropped' FROM pg_drop_replication_slot('regress_privileges');
