\set ECHO none
-- pg_temp.objects(): a line for each object of the extension, with everything that two installations of one version must have in common.
CREATE FUNCTION pg_temp.objects() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', pg_describe_object(d.classid, d.objid, 0),
        to_jsonb(p) - '{oid,pronamespace,proargtypes,proallargtypes,prorettype,proargdefaults}'::text[], pg_get_function_arguments(p.oid),
        to_jsonb(t) - '{oid,typnamespace,typelem,typarray,typrelid,typbasetype}'::text[],
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, c.relacl,
        (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attacl, pg_get_expr(x.adbin, x.adrelid)), ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a LEFT JOIN pg_attrdef AS x ON x.adrelid = a.attrelid AND x.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0),
        (SELECT string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE conrelid = c.oid),
        (SELECT string_agg(pg_get_triggerdef(oid), ', ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid),
        (SELECT castcontext::text || castmethod::text FROM pg_cast WHERE oid = d.objid AND d.classid = 'pg_cast'::regclass),
        obj_description(d.objid, d.classid::regclass::text), i.initprivs,
        (SELECT string_agg(r.deptype::text || ' ' || pg_describe_object(r.refclassid, r.refobjid, r.refobjsubid), ', ' ORDER BY r.deptype, pg_describe_object(r.refclassid, r.refobjid, r.refobjsubid) COLLATE "C")
            FROM pg_depend AS r WHERE r.classid = d.classid AND r.objid = d.objid),
        CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid = ANY (e.extconfig) END)
    FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        LEFT JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
        LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        LEFT JOIN pg_init_privs AS i ON i.classoid = d.classid AND i.objoid = d.objid
    WHERE e.extname = 'outbox'
    UNION ALL SELECT 'schema ' || coalesce(nspacl, acldefault('n', nspowner))::text FROM pg_namespace WHERE nspname = 'outbox' $$;
\set ECHO all
