\echo Use "ALTER EXTENSION outbox UPDATE TO '1.1'" to load this file. \quit

-- A role that may create objects in the schema could put a function beside emit that runs in emit's place, with the caller's rights. The
-- search path of an extension's script begins with the schema, so the script sets the path first.
SET LOCAL search_path TO pg_catalog, pg_temp;
DO $$
DECLARE
    schema record;
    found text;
BEGIN
    SELECT n.oid, o.rolname AS owner, o.rolsuper OR o.rolname = current_user AS is_trusted INTO STRICT schema
        FROM pg_namespace AS n JOIN pg_roles AS o ON o.oid = n.nspowner WHERE n.nspname = 'outbox';
    IF NOT schema.is_trusted THEN
        RAISE EXCEPTION 'schema "outbox" belongs to role "%", which is no superuser', schema.owner USING
            ERRCODE = 'insufficient_privilege', HINT = 'Drop the schema, or give it to a superuser: ALTER SCHEMA outbox OWNER TO ...';
    END IF;

    SELECT coalesce(g.rolname, 'PUBLIC') INTO found
        FROM pg_namespace AS n, aclexplode(n.nspacl) AS a LEFT JOIN pg_roles AS g ON g.oid = a.grantee
        WHERE n.oid = schema.oid AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner AND g.rolsuper IS NOT TRUE LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" may create objects in schema "outbox"', found USING
            ERRCODE = 'insufficient_privilege', HINT = 'REVOKE CREATE ON SCHEMA outbox FROM that role.';
    END IF;

    SELECT pg_describe_object(d.classid, d.objid, 0) INTO found
        FROM pg_depend AS d
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = schema.oid AND d.deptype = 'n'
            AND NOT (d.classid = 'pg_extension'::regclass AND d.objid = (SELECT oid FROM pg_extension WHERE extname = 'outbox'))
            AND NOT EXISTS (SELECT FROM pg_depend AS m JOIN pg_extension AS e ON m.refobjid = e.oid WHERE m.classid = d.classid
                AND m.objid = d.objid AND m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e' AND e.extname = 'outbox')
        ORDER BY 1 LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'schema "outbox" holds an object that is not the extension''s: %', found USING
            ERRCODE = 'duplicate_object', HINT = 'Drop the object, or move it to another schema.';
    END IF;
END $$;

-- Two functions for headers as text: varchar from JDBC, text, json. PostgreSQL prefers a topic of type text to one of a domain, so a call with
-- headers that are jsonb, or an untyped literal or parameter, and a key of one of three types resolves to one of the functions with jsonb
-- headers. To these two functions resolve calls whose headers are text, and calls with a key of another type, which emit refuses with a hint
-- on the cast.
CREATE DOMAIN outbox.topic_name AS text;
CREATE TYPE outbox.header_text;
CREATE FUNCTION outbox.header_text_in(cstring) RETURNS outbox.header_text AS 'textin' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION outbox.header_text_out(outbox.header_text) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE TYPE outbox.header_text (INPUT = outbox.header_text_in, OUTPUT = outbox.header_text_out, LIKE = text);
CREATE CAST (text AS outbox.header_text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (varchar AS outbox.header_text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (bpchar AS outbox.header_text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (json AS outbox.header_text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (jsonb AS outbox.header_text) WITH INOUT AS IMPLICIT;

CREATE FUNCTION outbox.emit(topic outbox.topic_name, key text, payload anycompatible, type text DEFAULT NULL, headers outbox.header_text DEFAULT NULL)
    RETURNS uuid AS 'MODULE_PATHNAME', 'outbox_emit' LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION outbox.emit(topic outbox.topic_name, key anyelement, payload anycompatible, type text DEFAULT NULL, headers outbox.header_text DEFAULT NULL)
    RETURNS uuid AS 'MODULE_PATHNAME', 'outbox_emit' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON DOMAIN outbox.topic_name IS 'the topic of a function that gives way to one whose topic is text';
COMMENT ON TYPE outbox.header_text IS 'headers of an event as the text of a JSON object';
COMMENT ON FUNCTION outbox.emit(outbox.topic_name, text, anycompatible, text, outbox.header_text)
    IS 'emit with headers as text, for whoever may execute the function with jsonb headers';
COMMENT ON FUNCTION outbox.emit(outbox.topic_name, anyelement, anycompatible, text, outbox.header_text)
    IS 'emit with headers as text, for whoever may execute the function with jsonb headers';

-- These two functions demand EXECUTE on the function with the same key and jsonb headers, so one grant decides who may emit.
GRANT EXECUTE ON FUNCTION outbox.emit(outbox.topic_name, text, anycompatible, text, outbox.header_text) TO PUBLIC;
GRANT EXECUTE ON FUNCTION outbox.emit(outbox.topic_name, anyelement, anycompatible, text, outbox.header_text) TO PUBLIC;

-- ---- what the database knows of delivery ----------------------------------------------------------------------------------------------------

CREATE FUNCTION outbox.emit_refusal(OUT accepts boolean, OUT slot name, OUT sqlstate text, OUT message text, OUT detail text, OUT hint text)
    AS 'MODULE_PATHNAME', 'outbox_emit_refusal' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
CREATE FUNCTION outbox.slot_state(slot name) RETURNS text AS 'MODULE_PATHNAME', 'outbox_slot_state' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
CREATE FUNCTION outbox.delivered(lsn pg_lsn) RETURNS boolean AS 'MODULE_PATHNAME', 'outbox_delivered' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

-- The body is text, which the server reads when the function runs: pg_replication_slots has other columns in other majors, and pg_upgrade must
-- carry the view over.
CREATE FUNCTION outbox.slot_status(OUT slot_name name, OUT state text, OUT active_pid integer, OUT active_user name, OUT active_application text,
        OUT active_address inet, OUT confirmed_flush_lsn pg_lsn, OUT lag_bytes bigint, OUT retained_bytes bigint, OUT safe_bytes bigint,
        OUT wal_status text, OUT invalidation_reason text, OUT catalog_xmin_age integer, OUT emit_accepts boolean, OUT refusal text)
    RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    WITH here AS MATERIALIZED (
        SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn
    ), verdict AS MATERIALIZED (
        SELECT accepts, slot, sqlstate, concat_ws(' ', message || '.', detail, hint) AS words FROM outbox.emit_refusal()
    ), ours AS MATERIALIZED (
        SELECT slot_name FROM pg_replication_slots WHERE plugin = 'outbox' AND database = current_database()
    ), names AS (
        SELECT slot_name FROM ours
        UNION SELECT slot FROM verdict WHERE sqlstate IS NOT NULL AND (slot IS NOT NULL OR NOT EXISTS (SELECT FROM ours))
    )
    SELECT n.slot_name,
        CASE WHEN n.slot_name IS NULL THEN 'missing'
            WHEN outbox.slot_state(n.slot_name) <> 'ready' THEN outbox.slot_state(n.slot_name)
            WHEN s.active THEN 'streaming' ELSE 'detached' END,
        s.active_pid, a.usename, a.application_name, a.client_addr, s.confirmed_flush_lsn,
        pg_wal_lsn_diff(here.lsn, s.confirmed_flush_lsn)::bigint, pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint, s.safe_wal_size, s.wal_status,
        coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN s.wal_status = 'lost' THEN 'wal_removed' END),
        age(s.catalog_xmin), v.accepts, nullif(v.words, '')
    FROM here, verdict AS v, names AS n
        LEFT JOIN pg_replication_slots AS s ON s.slot_name = n.slot_name
        LEFT JOIN pg_stat_replication AS a ON a.pid = s.active_pid
    ORDER BY n.slot_name
    $$;
CREATE VIEW outbox.status AS SELECT * FROM outbox.slot_status();

COMMENT ON FUNCTION outbox.emit_refusal() IS 'whether emit would accept an event now, and what is wrong, in the words of emit''s error';
COMMENT ON FUNCTION outbox.slot_state(name) IS 'ready, temporary, unfinished, invalidated, missing or foreign: the state of a slot as emit sees it';
COMMENT ON FUNCTION outbox.delivered(pg_lsn) IS 'whether every slot that must deliver has confirmed what was committed before this position';
COMMENT ON FUNCTION outbox.slot_status() IS 'the rows of the view outbox.status';
COMMENT ON VIEW outbox.status IS 'the slots of the output plugin outbox in this database: who reads them, how far they are behind, whether emit would accept';

REVOKE ALL ON FUNCTION outbox.emit_refusal(), outbox.slot_state(name), outbox.delivered(pg_lsn), outbox.slot_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox.emit_refusal(), outbox.slot_state(name), outbox.delivered(pg_lsn), outbox.slot_status() TO pg_monitor;
GRANT SELECT ON outbox.status TO pg_monitor;
GRANT USAGE ON SCHEMA outbox TO pg_monitor;

-- ---- doors beside emit ------------------------------------------------------------------------------------------------------------------------

-- A view for programs that insert rows and call no functions. Text takes every type that a driver may send: json, jsonb, varchar and numbers are
-- assigned to it without a cast. Whoever may insert there may publish to every topic.
CREATE FUNCTION outbox.emit_event() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_emit_event' LANGUAGE C VOLATILE;
CREATE VIEW outbox.events AS SELECT NULL::uuid AS id, NULL::text AS topic, NULL::text AS key, NULL::text AS payload, NULL::bytea AS payload_bytes,
    NULL::text AS type, NULL::text AS headers WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON outbox.events FOR EACH ROW EXECUTE FUNCTION outbox.emit_event();

-- The default of the last argument is the caller's schema: defaults are evaluated before the function's search path is set.
CREATE FUNCTION outbox.create_topic_view(topic text, name text DEFAULT NULL, schema name DEFAULT CURRENT_SCHEMA) RETURNS regclass
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_name text := coalesce(name, topic || '_events');
BEGIN
    IF topic IS NULL OR topic !~ '^[a-zA-Z0-9._-]{1,249}$' OR topic IN ('.', '..') OR topic ~ '^__' THEN
        RAISE EXCEPTION 'invalid topic name' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Kafka allows 1 to 249 letters, digits, ".", "_" and "-", but not "." or "..", and keeps names that begin with "__".';
    ELSIF octet_length(view_name) > 63 THEN
        RAISE EXCEPTION 'the view''s name would have more than 63 bytes' USING ERRCODE = 'name_too_long', HINT = 'Give the view a name: the second argument.';
    ELSIF schema IS NULL OR schema = 'outbox' THEN
        RAISE EXCEPTION 'the view needs a schema other than "outbox"' USING ERRCODE = 'invalid_schema_name',
            HINT = 'Give the schema: the third argument. Without it, it is the first of the search_path.';
    END IF;
    EXECUTE format('CREATE VIEW %I.%I AS SELECT NULL::pg_catalog.uuid AS id, NULL::pg_catalog.text AS key, NULL::pg_catalog.text AS payload, '
        'NULL::pg_catalog.bytea AS payload_bytes, NULL::pg_catalog.text AS type, NULL::pg_catalog.text AS headers WHERE false', schema, view_name);
    EXECUTE format('CREATE TRIGGER emit INSTEAD OF INSERT ON %I.%I FOR EACH ROW EXECUTE FUNCTION outbox.emit_event(%L)', schema, view_name, topic);
    RETURN format('%I.%I', schema, view_name)::regclass;
END $$;

COMMENT ON FUNCTION outbox.emit_event() IS 'the trigger of outbox.events and of views of one topic';
COMMENT ON VIEW outbox.events IS 'publish an event by inserting it; RETURNING gives its id';
COMMENT ON FUNCTION outbox.create_topic_view(text, text, name) IS 'make a view like outbox.events, whose rows go to one topic';

REVOKE ALL ON FUNCTION outbox.emit_event(), outbox.create_topic_view(text, text, name) FROM PUBLIC;

-- One call for many events: an element of payloads is an event. An array of types or headers that is left out has NULL for each.
CREATE FUNCTION outbox.emit_many(topic text, keys text[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] AS 'MODULE_PATHNAME', 'outbox_emit_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION outbox.emit_many(topic text, keys bigint[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] AS 'MODULE_PATHNAME', 'outbox_emit_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
CREATE FUNCTION outbox.emit_many(topic text, keys uuid[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] AS 'MODULE_PATHNAME', 'outbox_emit_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION outbox.emit_many(text, text[], anycompatiblearray, text[], jsonb[]) IS 'publish an event for each payload if this transaction commits; returns their ids';
COMMENT ON FUNCTION outbox.emit_many(text, bigint[], anycompatiblearray, text[], jsonb[]) IS 'publish an event for each payload if this transaction commits; returns their ids';
COMMENT ON FUNCTION outbox.emit_many(text, uuid[], anycompatiblearray, text[], jsonb[]) IS 'publish an event for each payload if this transaction commits; returns their ids';
REVOKE ALL ON FUNCTION outbox.emit_many(text, text[], anycompatiblearray, text[], jsonb[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit_many(text, bigint[], anycompatiblearray, text[], jsonb[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit_many(text, uuid[], anycompatiblearray, text[], jsonb[]) FROM PUBLIC;

-- ---- tests ------------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION outbox.captured_lines() RETURNS text[] AS 'MODULE_PATHNAME', 'outbox_captured_lines' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
CREATE FUNCTION outbox.captured(OUT topic text, OUT key text, OUT type text, OUT headers jsonb, OUT payload jsonb, OUT payload_bytes bytea, OUT id uuid)
    RETURNS SETOF record LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT e ->> 'topic', e ->> 'key', e ->> 'type', (e -> 'headers')::jsonb, (e -> 'payload')::jsonb, decode(e ->> 'payload_base64', 'base64'), (e ->> 'id')::uuid
    FROM unnest(outbox.captured_lines()) WITH ORDINALITY AS c(line, place), LATERAL (SELECT line::json AS e) AS parsed
    ORDER BY place
    $$;
CREATE FUNCTION outbox.was_emitted(topic text, key text DEFAULT NULL, payload jsonb DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM outbox.captured() AS c WHERE c.topic = $1 AND ($2 IS NULL OR c.key = $2) AND ($3 IS NULL OR c.payload @> $3))
    $$;

-- The functions ok() and diag() are pgTAP's, wherever the caller's search path finds them. So the path is the caller's here, and every other
-- name is qualified.
CREATE FUNCTION outbox.emitted_ok(topic text, key text DEFAULT NULL, payload jsonb DEFAULT NULL, description text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    found boolean := outbox.was_emitted(topic, key, payload);
    result text;
    comment text;
BEGIN
    EXECUTE 'SELECT ok($1, $2)' INTO result USING found, coalesce(description, pg_catalog.format('an event for topic %s was emitted', topic));
    IF NOT found THEN
        EXECUTE 'SELECT diag($1)' INTO comment
            USING (SELECT coalesce(pg_catalog.string_agg(pg_catalog.format('emitted: topic %s, key %s', c.topic, c.key), E'\n'), 'no event was emitted') FROM outbox.captured() AS c);
        result := pg_catalog.concat_ws(E'\n', result, comment);
    END IF;
    RETURN result;
EXCEPTION WHEN undefined_function THEN
    RAISE EXCEPTION 'pgTAP is not in the search path' USING ERRCODE = 'undefined_function', HINT = 'CREATE EXTENSION pgtap, and put its schema into the search_path.';
END $$;

COMMENT ON FUNCTION outbox.captured_lines() IS 'the envelopes that outbox.capture has kept';
COMMENT ON FUNCTION outbox.captured() IS 'the events that outbox.capture has kept, in the order in which they were emitted';
COMMENT ON FUNCTION outbox.was_emitted(text, text, jsonb) IS 'whether outbox.capture has kept an event of this topic and key, whose payload contains this one';
COMMENT ON FUNCTION outbox.emitted_ok(text, text, jsonb, text) IS 'pgTAP: ok where outbox.was_emitted()';

REVOKE ALL ON FUNCTION outbox.captured_lines(), outbox.captured(), outbox.was_emitted(text, text, jsonb), outbox.emitted_ok(text, text, jsonb, text) FROM PUBLIC;
