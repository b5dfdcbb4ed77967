-- Saves the decisions that people have taken about the schema outbox while one form takes the place of the other: grants, settings, and the ids that
-- consumers have seen. The script runs in the transaction of the change, before the change; kept.sql runs after it. Tested by test/t/162_move.t.
CREATE TEMP TABLE outbox_grants ON COMMIT DROP AS
    SELECT 'schema' AS kind, 'outbox' AS name, a.privilege_type, a.is_grantable, a.grantee
        FROM pg_catalog.pg_namespace AS n, LATERAL pg_catalog.aclexplode(n.nspacl) AS a
        WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND a.grantee OPERATOR(pg_catalog.<>) n.nspowner
    UNION ALL
    SELECT 'routine', f.oid::pg_catalog.regprocedure::pg_catalog.text, a.privilege_type, a.is_grantable, a.grantee
        FROM pg_catalog.pg_proc AS f, LATERAL pg_catalog.aclexplode(f.proacl) AS a
        WHERE f.pronamespace OPERATOR(pg_catalog.=) 'outbox'::pg_catalog.regnamespace AND a.grantee OPERATOR(pg_catalog.<>) f.proowner
    UNION ALL
    SELECT 'table', c.oid::pg_catalog.regclass::pg_catalog.text, a.privilege_type, a.is_grantable, a.grantee
        FROM pg_catalog.pg_class AS c, LATERAL pg_catalog.aclexplode(c.relacl) AS a
        WHERE c.relnamespace OPERATOR(pg_catalog.=) 'outbox'::pg_catalog.regnamespace AND a.grantee OPERATOR(pg_catalog.<>) c.relowner;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('outbox.seen') AND c.relkind OPERATOR(pg_catalog.=) 'p') THEN
        LOCK TABLE outbox.seen IN ACCESS EXCLUSIVE MODE;
        CREATE TEMP TABLE outbox_seen ON COMMIT DROP AS SELECT * FROM outbox.seen;
    END IF;
    IF pg_catalog.to_regclass('outbox.settings') IS NOT NULL THEN
        CREATE TEMP TABLE outbox_settings ON COMMIT DROP AS SELECT missing_slot, max_event_bytes FROM outbox.settings;
    ELSE
        EXECUTE 'LOAD ''$libdir/outbox'''; -- the library defines its settings when it is loaded
        CREATE TEMP TABLE outbox_settings ON COMMIT DROP AS
            SELECT pg_catalog.current_setting('outbox.missing_slot') AS missing_slot,
                   pg_catalog.pg_size_bytes(pg_catalog.current_setting('outbox.max_event_bytes'))::pg_catalog.int4 AS max_event_bytes;
    END IF;
END $$;
