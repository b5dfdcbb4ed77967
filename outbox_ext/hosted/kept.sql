-- Restores what keep.sql has saved, as far as the other form has the objects.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN SELECT g.*, CASE WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC' ELSE grantee::pg_catalog.regrole::pg_catalog.text END AS role
            FROM pg_temp.outbox_grants AS g LOOP
        BEGIN
            CONTINUE WHEN kept.kind OPERATOR(pg_catalog.=) 'routine' AND pg_catalog.to_regprocedure(kept.name) IS NULL;
        EXCEPTION WHEN undefined_object THEN -- the type of an argument
            CONTINUE;
        END;
        CONTINUE WHEN kept.kind OPERATOR(pg_catalog.=) 'table' AND pg_catalog.to_regclass(kept.name) IS NULL;
        EXECUTE pg_catalog.format('GRANT %s ON %s %s TO %s %s', kept.privilege_type, kept.kind, kept.name, kept.role,
            CASE WHEN kept.is_grantable THEN 'WITH GRANT OPTION' END);
    END LOOP;
    IF pg_catalog.to_regclass('pg_temp.outbox_seen') IS NOT NULL THEN
        EXECUTE 'INSERT INTO outbox.seen SELECT * FROM pg_temp.outbox_seen';
    END IF;
    SELECT * INTO STRICT kept FROM pg_temp.outbox_settings;
    IF pg_catalog.to_regclass('outbox.settings') IS NOT NULL THEN
        EXECUTE 'UPDATE outbox.settings SET missing_slot = $1, max_event_bytes = $2' USING kept.missing_slot, kept.max_event_bytes;
        RETURN;
    END IF;
    EXECUTE 'LOAD ''$libdir/outbox''';
    IF kept.missing_slot OPERATOR(pg_catalog.<>) pg_catalog.current_setting('outbox.missing_slot') THEN
        EXECUTE pg_catalog.format('ALTER DATABASE %I SET outbox.missing_slot = %L', pg_catalog.current_database(), kept.missing_slot);
    END IF;
    IF kept.max_event_bytes OPERATOR(pg_catalog.<>) pg_catalog.pg_size_bytes(pg_catalog.current_setting('outbox.max_event_bytes')) THEN
        EXECUTE pg_catalog.format('ALTER DATABASE %I SET outbox.max_event_bytes = %L', pg_catalog.current_database(), kept.max_event_bytes OPERATOR(pg_catalog.||) 'B');
    END IF;
END $$;
