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

-- Two functions for headers as text: varchar from JDBC, text, json. PostgreSQL prefers a topic of type text to one of a domain. So a call with
-- headers that are jsonb, or an untyped literal or parameter, and a key of one of three types resolves to a function with jsonb headers. Calls whose
-- headers are text resolve to these two functions, and so do calls with a key of another type, which emit refuses with a hint at the cast.
CREATE DOMAIN outbox.topic_name AS text;
CREATE TYPE outbox.header_text;
CREATE FUNCTION outbox.header_text_in(cstring) RETURNS outbox.header_text AS 'textin' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION outbox.header_text_out(outbox.header_text) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION outbox.header_text_recv(internal) RETURNS outbox.header_text AS 'textrecv' LANGUAGE internal STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION outbox.header_text_send(outbox.header_text) RETURNS bytea AS 'textsend' LANGUAGE internal STABLE STRICT PARALLEL SAFE;
CREATE TYPE outbox.header_text (INPUT = outbox.header_text_in, OUTPUT = outbox.header_text_out, RECEIVE = outbox.header_text_recv, SEND = outbox.header_text_send,
    LIKE = text);
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
-- setup grants USAGE on the schema: with a GRANT in this script the server would take all grants on the schema for the extension's own, and pg_dump
-- would leave them out.

-- ---- doors beside emit ------------------------------------------------------------------------------------------------------------------------

-- A view for programs that insert rows and call no functions. Text takes every type that a driver may send: json, jsonb, varchar and numbers are
-- assigned to text without a cast. A role that may insert there may publish to every topic.
CREATE FUNCTION outbox.emit_event() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_emit_event' LANGUAGE C VOLATILE;
CREATE VIEW outbox.events AS SELECT NULL::uuid AS id, NULL::text AS topic, NULL::text AS key, NULL::text AS payload, NULL::bytea AS payload_bytes,
    NULL::text AS type, NULL::text AS headers WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON outbox.events FOR EACH ROW EXECUTE FUNCTION outbox.emit_event();

CREATE FUNCTION outbox.require_topic(topic text) RETURNS void AS 'MODULE_PATHNAME', 'outbox_require_topic' LANGUAGE C STABLE PARALLEL SAFE;
CREATE FUNCTION outbox.require_key_type(type oid) RETURNS void AS 'MODULE_PATHNAME', 'outbox_require_key_type' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION outbox.require_topic(text) IS 'an error, emit''s own, where this is no name of a topic';
COMMENT ON FUNCTION outbox.require_key_type(oid) IS 'an error, emit''s own, where no key can be of this type';
REVOKE ALL ON FUNCTION outbox.require_topic(text), outbox.require_key_type(oid) FROM PUBLIC;

-- The default of the last argument is the caller's schema: defaults are evaluated before the function's search path is set.
CREATE FUNCTION outbox.create_topic_view(topic text, name text DEFAULT NULL, schema name DEFAULT CURRENT_SCHEMA) RETURNS regclass
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_name text := coalesce(name, topic || '_events');
BEGIN
    PERFORM outbox.require_topic(topic);
    IF octet_length(view_name) > 63 THEN
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

-- The functions ok() and diag() are pgTAP's, wherever the caller's search path finds them. So the path is the caller's in this function, and every
-- other name is qualified.
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

-- ---- events by trigger ------------------------------------------------------------------------------------------------------------------------

-- A trigger knows nothing beyond its arguments, so dump, restore and renaming need no table of the extension.
CREATE FUNCTION outbox.emit_row() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_emit_row' LANGUAGE C VOLATILE;
CREATE FUNCTION outbox.refuse_truncate() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_refuse_truncate' LANGUAGE C VOLATILE;
CREATE FUNCTION outbox.trigger_arguments(tgargs bytea) RETURNS text[] AS 'MODULE_PATHNAME', 'outbox_trigger_arguments' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE FUNCTION outbox.trigger_name(prefix text, topic text) RETURNS name LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (CASE WHEN octet_length(prefix || topic) > 63 THEN prefix || md5(topic) ELSE prefix || topic END)::name
    $$;

CREATE FUNCTION outbox.attach(relation regclass, topic text, key name DEFAULT NULL, type text DEFAULT '{table}.{op}', columns name[] DEFAULT NULL,
        operations text DEFAULT 'insert, update, delete') RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    words text[] := regexp_split_to_array(lower(btrim(operations) COLLATE "C"), '[\s,]+');
    wrong text;
    operation text;
    table_row pg_class;
    key_column pg_attribute;
    call text;
BEGIN
    PERFORM outbox.require_topic(topic);
    IF relation IS NULL OR type IS NULL OR operations IS NULL THEN
        RAISE EXCEPTION 'table, type and operations must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave an argument out to have its default.';
    ELSIF columns = '{}' THEN
        RAISE EXCEPTION 'columns must name some columns' USING ERRCODE = 'invalid_parameter_value', HINT = 'NULL in place of the array stands for all columns.';
    END IF;
    SELECT * INTO STRICT table_row FROM pg_class AS c WHERE c.oid = relation;
    IF table_row.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', relation USING ERRCODE = 'wrong_object_type', HINT = 'Rows of tables and partitioned tables are published.';
    END IF;
    SELECT w INTO wrong FROM unnest(words) AS w WHERE w NOT IN ('insert', 'update', 'delete', 'truncate', 'statement') LIMIT 1;
    IF wrong IS NOT NULL OR NOT words && '{insert,update,delete}' THEN
        RAISE EXCEPTION 'operations must name some of insert, update and delete' USING ERRCODE = 'invalid_parameter_value',
            HINT = '"truncate" beside them lets TRUNCATE through, without an event; "statement" makes triggers for each statement.';
    ELSIF (table_row.relkind = 'p' OR table_row.relispartition) AND NOT 'statement' = ANY (words) AND 'update' = ANY (words) AND NOT words @> '{insert,delete}' THEN
        RAISE EXCEPTION 'an UPDATE that moves a row to another partition fires the triggers of DELETE and INSERT' USING ERRCODE = 'feature_not_supported',
            HINT = 'Take all three operations; or add "statement", whose triggers see such an UPDATE as one.';
    END IF;
    IF key IS NULL THEN
        SELECT min(a.attname) INTO key FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = relation AND i.indisprimary HAVING count(*) = 1;
        IF key IS NULL THEN
            RAISE EXCEPTION 'table % has no primary key of one column', relation USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Name the column whose value is the event''s key: outbox.attach(table, topic, key => ...).';
        END IF;
    END IF;
    SELECT c INTO wrong FROM unnest(coalesce(columns, '{}') || key) AS c
        WHERE c IS NULL OR NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % does not exist', wrong, relation USING ERRCODE = 'undefined_column', HINT = 'Give names of the table''s columns.';
    END IF;
    SELECT c INTO wrong FROM unnest(columns) AS c GROUP BY c HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" is named twice', wrong USING ERRCODE = 'duplicate_column', HINT = 'Name each column of the payload once.';
    END IF;
    SELECT * INTO STRICT key_column FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = key;
    PERFORM outbox.require_key_type(key_column.atttypid);
    IF NOT key_column.attnotnull AND 'delete' = ANY (words) THEN
        RAISE WARNING 'column "%" may be null, and a row without a key cannot be deleted', key USING ERRCODE = 'null_value_not_allowed',
            HINT = 'Make the column NOT NULL, name another key, or leave "delete" out of the operations.';
    END IF;
    SELECT a.attname INTO wrong FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attgenerated = 'v' AND NOT a.attisdropped
        AND (columns IS NULL OR a.attname = ANY (columns) OR a.attname = key) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column "%" is a virtual generated column, whose value no trigger sees', wrong USING ERRCODE = 'feature_not_supported',
            HINT = 'Name the other columns in outbox.attach(..., columns => ...), or make the column STORED.';
    END IF;

    IF EXISTS (SELECT FROM outbox.attachment_rows() AS a WHERE a.relation = attach.relation AND a.topic = attach.topic) THEN
        RAISE EXCEPTION 'table % is attached to this topic already', relation USING ERRCODE = 'duplicate_object',
            HINT = 'To change how, detach it first: outbox.detach(table, topic).';
    END IF;

    call := format('EXECUTE FUNCTION outbox.emit_row(%L, %L, %L, %L)', topic, key, replace(type, '{table}', table_row.relname),
        coalesce((SELECT string_agg(quote_ident(c), ',' ORDER BY place) FROM unnest(columns) WITH ORDINALITY AS u(c, place)), ''));
    words := (SELECT array_agg(w) FROM unnest('{insert,update,delete}'::text[] || words) WITH ORDINALITY AS u(w, place) WHERE w = ANY (words) AND (place <= 3 OR w IN ('truncate', 'statement')));
    IF 'statement' = ANY (words) THEN
        FOREACH operation IN ARRAY words LOOP
            CONTINUE WHEN operation IN ('truncate', 'statement');
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s REFERENCING %s %s FOR EACH STATEMENT %s', outbox.trigger_name('outbox_' || operation || '_', topic), operation, relation,
                CASE WHEN operation <> 'insert' THEN 'OLD TABLE AS old_rows' END, CASE WHEN operation <> 'delete' THEN 'NEW TABLE AS new_rows' END, call);
        END LOOP;
    ELSE
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s FOR EACH ROW %s', outbox.trigger_name('outbox_', topic),
            (SELECT string_agg(w, ' OR ') FROM unnest(words) AS w WHERE w <> 'truncate'), relation, call);
    END IF;
    IF NOT 'truncate' = ANY (words) THEN
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION outbox.refuse_truncate()', outbox.trigger_name('outbox_truncate_', topic), relation);
    END IF;
END $$;

CREATE FUNCTION outbox.attachment_rows(OUT relation regclass, OUT topic text, OUT key text, OUT type text, OUT columns text, OUT operations text, OUT enabled boolean, OUT trigger name)
    RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.tgrelid::regclass, a[1], a[2], a[3], nullif(a[4], ''),
        concat_ws(', ', CASE WHEN t.tgtype::int & 4 <> 0 THEN 'insert' END, CASE WHEN t.tgtype::int & 16 <> 0 THEN 'update' END, CASE WHEN t.tgtype::int & 8 <> 0 THEN 'delete' END,
            CASE WHEN t.tgtype::int & 1 = 0 THEN 'statement' END),
        t.tgenabled IN ('O', 'A'), t.tgname
    FROM pg_trigger AS t, LATERAL outbox.trigger_arguments(t.tgargs) AS a
    WHERE t.tgfoid = 'outbox.emit_row'::regproc AND t.tgparentid = 0
    ORDER BY t.tgrelid::regclass::text COLLATE "C", a[1], t.tgname
    $$;
CREATE VIEW outbox.attachments AS SELECT * FROM outbox.attachment_rows();

CREATE FUNCTION outbox.detach(relation regclass, topic text) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    trigger_name name;
    is_attached boolean := false;
BEGIN
    FOR trigger_name IN SELECT a.trigger FROM outbox.attachment_rows() AS a WHERE a.relation = detach.relation AND a.topic = detach.topic LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, relation);
        is_attached := true;
    END LOOP;
    IF NOT is_attached THEN
        RAISE EXCEPTION 'table % is not attached to this topic', relation USING ERRCODE = 'undefined_object', HINT = 'The view outbox.attachments shows what is attached.';
    END IF;
    FOR trigger_name IN SELECT t.tgname FROM pg_trigger AS t WHERE t.tgrelid = detach.relation AND t.tgfoid = 'outbox.refuse_truncate'::regproc
            AND t.tgname = outbox.trigger_name('outbox_truncate_', detach.topic) LOOP -- not one for rows, of a topic "truncate_..."
        EXECUTE format('DROP TRIGGER %I ON %s', trigger_name, relation);
    END LOOP;
END $$;

COMMENT ON FUNCTION outbox.emit_row() IS 'the trigger that outbox.attach() makes';
COMMENT ON FUNCTION outbox.refuse_truncate() IS 'the trigger that refuses TRUNCATE of a table whose rows are published';
COMMENT ON FUNCTION outbox.trigger_arguments(bytea) IS 'the arguments of a trigger, out of pg_trigger.tgargs';
COMMENT ON FUNCTION outbox.trigger_name(text, text) IS 'the name of a trigger that outbox.attach() makes';
COMMENT ON FUNCTION outbox.attach(regclass, text, name, text, name[], text) IS 'publish each row that is written to a table';
COMMENT ON FUNCTION outbox.detach(regclass, text) IS 'undo outbox.attach()';
COMMENT ON FUNCTION outbox.attachment_rows() IS 'the rows of the view outbox.attachments';
COMMENT ON VIEW outbox.attachments IS 'the tables whose rows are published';

REVOKE ALL ON FUNCTION outbox.emit_row(), outbox.refuse_truncate(), outbox.trigger_arguments(bytea), outbox.trigger_name(text, text), outbox.attach(regclass, text, name, text, name[], text),
    outbox.detach(regclass, text), outbox.attachment_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION outbox.attachment_rows(), outbox.trigger_arguments(bytea) TO pg_monitor;
GRANT SELECT ON outbox.attachments TO pg_monitor;

-- ---- the consumer's half ------------------------------------------------------------------------------------------------------------------------

-- The ids that a consumer has seen, so that an event that comes twice counts once. Ids of events are UUIDs of version 7, which begin with their time:
-- eight partitions of a week each take turns, so that an old one can be emptied by TRUNCATE. Other ids have a partition of their own.
CREATE TABLE outbox.seen (
    week smallint NOT NULL,
    consumer text NOT NULL,
    id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (week, consumer, id)
) PARTITION BY LIST (week);
CREATE TABLE outbox.seen_0 PARTITION OF outbox.seen FOR VALUES IN (0);
CREATE TABLE outbox.seen_1 PARTITION OF outbox.seen FOR VALUES IN (1);
CREATE TABLE outbox.seen_2 PARTITION OF outbox.seen FOR VALUES IN (2);
CREATE TABLE outbox.seen_3 PARTITION OF outbox.seen FOR VALUES IN (3);
CREATE TABLE outbox.seen_4 PARTITION OF outbox.seen FOR VALUES IN (4);
CREATE TABLE outbox.seen_5 PARTITION OF outbox.seen FOR VALUES IN (5);
CREATE TABLE outbox.seen_6 PARTITION OF outbox.seen FOR VALUES IN (6);
CREATE TABLE outbox.seen_7 PARTITION OF outbox.seen FOR VALUES IN (7);
CREATE TABLE outbox.seen_other PARTITION OF outbox.seen FOR VALUES IN (-1);

CREATE FUNCTION outbox.week_of(id uuid) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN substr(id::text, 15, 1) = '7'
        THEN (('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 604800000 % 8)::smallint ELSE -1::smallint END
    $$;

-- A second delivery waits for the transaction of the first: where the first transaction commits, the answer is false, otherwise true.
CREATE FUNCTION outbox.first_time(consumer text, id uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF consumer IS NULL OR id IS NULL THEN
        RAISE EXCEPTION 'consumer and id must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'The id is the header "id" of the record.';
    ELSIF octet_length(consumer) > 1000 THEN
        RAISE EXCEPTION 'the consumer''s name has more than 1000 bytes' USING ERRCODE = 'name_too_long', HINT = 'Give the name of the program or its group.';
    END IF;
    INSERT INTO outbox.seen (week, consumer, id) VALUES (outbox.week_of(id), consumer, id) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- A week's partition is emptied at once when no row in the partition is younger. The rows of other ids, and those of a week that has begun a second
-- turn, are deleted one by one. A partition that a transaction is using is left for the next call.
CREATE FUNCTION outbox.forget(older_than interval) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest timestamptz := clock_timestamp() - least(older_than, interval '1000 years');
    week_table regclass;
    is_used boolean;
BEGIN
    IF older_than IS NULL OR older_than < interval '0' THEN
        RAISE EXCEPTION 'the interval must not be null or negative' USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: SELECT outbox.forget(interval ''30 days'').';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'outbox.forget() needs the isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported',
            HINT = 'An older snapshot does not see which ids have been added meanwhile.';
    END IF;
    FOR week_table IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'outbox.seen'::regclass AND inhrelid <> 'outbox.seen_other'::regclass ORDER BY 1 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', week_table);
        EXCEPTION WHEN lock_not_available THEN
            CONTINUE;
        END;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE seen_at >= $1)', week_table) INTO is_used USING oldest;
        IF is_used THEN
            EXECUTE format('DELETE FROM %s WHERE seen_at < $1', week_table) USING oldest - interval '7 days';
        ELSE
            EXECUTE format('TRUNCATE %s', week_table);
        END IF;
    END LOOP;
    DELETE FROM outbox.seen_other WHERE seen_at < oldest;
END $$;

COMMENT ON TABLE outbox.seen IS 'the ids that consumers have seen: outbox.first_time()';
COMMENT ON FUNCTION outbox.week_of(uuid) IS 'the partition of outbox.seen that an id belongs to';
COMMENT ON FUNCTION outbox.first_time(text, uuid) IS 'true when this consumer sees this id for the first time, if the transaction commits';
COMMENT ON FUNCTION outbox.forget(interval) IS 'forget ids that were seen before this interval';

REVOKE ALL ON FUNCTION outbox.week_of(uuid), outbox.first_time(text, uuid), outbox.forget(interval) FROM PUBLIC;

SELECT pg_extension_config_dump('outbox.seen_0', '');
SELECT pg_extension_config_dump('outbox.seen_1', '');
SELECT pg_extension_config_dump('outbox.seen_2', '');
SELECT pg_extension_config_dump('outbox.seen_3', '');
SELECT pg_extension_config_dump('outbox.seen_4', '');
SELECT pg_extension_config_dump('outbox.seen_5', '');
SELECT pg_extension_config_dump('outbox.seen_6', '');
SELECT pg_extension_config_dump('outbox.seen_7', '');
SELECT pg_extension_config_dump('outbox.seen_other', '');

-- A procedure, which holds no snapshot while it waits; a function would keep vacuum from its work.
CREATE PROCEDURE outbox.wait_delivered(lsn pg_lsn DEFAULT NULL, timeout interval DEFAULT '30 seconds') AS 'MODULE_PATHNAME', 'outbox_wait_delivered' LANGUAGE C;
COMMENT ON PROCEDURE outbox.wait_delivered(pg_lsn, interval) IS 'wait until what was committed before this position, or before now, is delivered';
REVOKE ALL ON PROCEDURE outbox.wait_delivered(pg_lsn, interval) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE outbox.wait_delivered(pg_lsn, interval) TO pg_monitor;

-- ---- which topics there are -----------------------------------------------------------------------------------------------------------------------

-- Without a row every topic is accepted. Roles and function are names, since references by OID would not survive dump and pg_upgrade.
CREATE TABLE outbox.topics (
    name text PRIMARY KEY CHECK (name ~ '^[a-zA-Z0-9._-]{1,249}$' AND name NOT IN ('.', '..') AND name !~ '^__'),
    writers name[],
    check_function text CHECK (check_function ~ '^("([^"]|"")+"|[a-z_][a-z0-9_$]*)\.("([^"]|"")+"|[a-z_][a-z0-9_$]*)$')
);
SELECT pg_extension_config_dump('outbox.topics', '');
CREATE FUNCTION outbox.topics_changed() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_topics_changed' LANGUAGE C VOLATILE;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON outbox.topics FOR EACH STATEMENT EXECUTE FUNCTION outbox.topics_changed();
ALTER TABLE outbox.topics ENABLE ALWAYS TRIGGER changed;

COMMENT ON TABLE outbox.topics IS 'the topics that events may go to; without a row: all';
COMMENT ON COLUMN outbox.topics.writers IS 'roles that may emit to the topic; NULL: whoever may emit';
COMMENT ON COLUMN outbox.topics.check_function IS 'schema.function(key text, payload jsonb, headers jsonb) returning text: what is wrong with an event, or NULL';
COMMENT ON FUNCTION outbox.topics_changed() IS 'the trigger of outbox.topics, by which all sessions learn of a change';

REVOKE ALL ON FUNCTION outbox.topics_changed() FROM PUBLIC;

-- ---- an outbox table of another program -------------------------------------------------------------------------------------------------------------

-- The defaults are the columns of Debezium's outbox table.
CREATE FUNCTION outbox.emit_adopted() RETURNS trigger AS 'MODULE_PATHNAME', 'outbox_emit_adopted' LANGUAGE C VOLATILE;

CREATE FUNCTION outbox.adopt(relation regclass, id name DEFAULT 'id', topic name DEFAULT 'aggregatetype', key name DEFAULT 'aggregateid', payload name DEFAULT 'payload',
        type name DEFAULT 'type', headers text DEFAULT NULL, expand_json boolean DEFAULT false, keep_rows boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    header_list text := regexp_replace(coalesce(headers, ''), '\s*([,:])\s*', '\1', 'g');
    placed name[] := ARRAY(SELECT split_part(h, ':', 1)::name FROM regexp_split_to_table(btrim(header_list), ',') AS h WHERE btrim(header_list) <> '');
    is_adopted boolean := EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = relation AND t.tgfoid = 'outbox.emit_adopted'::regproc);
    wrong text;
    call text;
    table_row pg_class;
    rows_name text;
    sequence text;
    column_row record;
    privilege record;
BEGIN
    header_list := btrim(header_list);
    IF relation IS NULL OR topic IS NULL OR payload IS NULL OR expand_json IS NULL OR keep_rows IS NULL THEN
        RAISE EXCEPTION 'table, topic and payload must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the names of the columns that hold the topic and the payload.';
    END IF;
    SELECT * INTO STRICT table_row FROM pg_class AS c WHERE c.oid = relation;
    IF table_row.relkind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '% is not a table', relation USING ERRCODE = 'wrong_object_type', HINT = CASE
            WHEN is_adopted THEN 'It is the view of an adopted table. To adopt the table anew, drop the view, and rename the table from ..._rows.'
            ELSE 'Give the outbox table that the program inserts into.' END;
    ELSIF is_adopted THEN
        RAISE EXCEPTION 'table % is adopted already', relation USING ERRCODE = 'duplicate_object',
            HINT = format('To adopt it in another way, drop the trigger first: DROP TRIGGER outbox_adopt ON %s.', relation);
    END IF;
    SELECT c INTO wrong FROM unnest(array_remove(ARRAY[id, topic, key, payload, type], NULL) || placed) AS c
        WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = c AND a.attnum > 0 AND NOT a.attisdropped) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % does not exist', wrong, relation USING ERRCODE = 'undefined_column',
            HINT = 'Name the table''s columns: outbox.adopt(table, topic => ..., key => ..., payload => ..., type => NULL where there is none).';
    END IF;
    SELECT a.attname INTO wrong FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = id AND a.atttypid <> 'uuid'::regtype;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" is not of type uuid', wrong USING ERRCODE = 'datatype_mismatch', HINT = 'With id => NULL each event gets an id of its own.';
    END IF;
    SELECT a.attname INTO wrong FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = payload
        AND a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'json'::regtype, 'jsonb'::regtype, 'bytea'::regtype);
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" has a type that no payload has', wrong USING ERRCODE = 'datatype_mismatch', HINT = 'A payload is text, varchar, json, jsonb or bytea.';
    END IF;
    SELECT h INTO wrong FROM (SELECT coalesce(nullif(substr(p, strpos(p || ':', ':') + 1), ''), p) AS h FROM regexp_split_to_table(header_list, ',') AS p WHERE header_list <> '') AS given
        GROUP BY h HAVING count(*) > 1 OR h IN ('id', 'type') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no two columns can be the header "%", and none can be "id" or "type"', wrong USING ERRCODE = 'reserved_name',
            HINT = 'Give each header a name of its own: headers => ''column:header, ...''. Arguments id and type name the columns of these two.';
    END IF;
    SELECT a.attname INTO wrong FROM pg_attribute AS a WHERE a.attrelid = relation AND NOT a.attisdropped
        AND a.attname = ANY (array_remove(ARRAY[id, topic, key, payload, type], NULL) || placed) AND (a.attgenerated = 'v' OR NOT keep_rows AND a.attgenerated <> '') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" is generated, and the trigger would not see its value', wrong USING ERRCODE = 'feature_not_supported',
            HINT = 'Name another column; or keep the rows, with a generated column that is STORED.';
    END IF;
    IF key IS NOT NULL THEN
        PERFORM outbox.require_key_type(a.atttypid) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = key;
    END IF;
    call := format('FOR EACH ROW EXECUTE FUNCTION outbox.emit_adopted(%L, %L, %L, %L, %L, %L, %L)', coalesce(id, ''), topic, coalesce(key, ''), payload, coalesce(type, ''), header_list,
        expand_json::text);
    IF keep_rows THEN
        EXECUTE format('CREATE TRIGGER outbox_adopt AFTER INSERT ON %s %s', relation, call);
        RETURN;
    END IF;

    IF table_row.relrowsecurity THEN
        RAISE EXCEPTION 'table % has row security, which the view in its place would not have', relation USING ERRCODE = 'feature_not_supported',
            HINT = 'Keep the rows: outbox.adopt(...) without keep_rows => false.';
    ELSIF table_row.relispartition THEN
        RAISE EXCEPTION 'table % is a partition: rows that go through its parent would not reach the view', relation USING ERRCODE = 'feature_not_supported',
            HINT = 'Keep the rows: outbox.adopt(...) without keep_rows => false. Or adopt the partitioned table.';
    END IF;

    -- A view takes the table's place: inserted rows are not stored, and RETURNING and the number of rows are as before.
    rows_name := table_row.relname || '_rows';
    IF octet_length(rows_name) > 63 THEN
        RAISE EXCEPTION 'the table''s name is too long' USING ERRCODE = 'name_too_long', HINT = 'The table would be renamed, with _rows behind its name: give it a shorter name first.';
    END IF;
    EXECUTE format('ALTER TABLE %s RENAME TO %I', relation, rows_name);
    EXECUTE format('CREATE VIEW %s.%I AS SELECT %s WHERE false', table_row.relnamespace::regnamespace, table_row.relname,
        (SELECT string_agg(format('NULL::%s AS %I', format_type(a.atttypid, a.atttypmod), a.attname), ', ' ORDER BY a.attnum)
            FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped));
    FOR column_row IN SELECT a.attname, CASE WHEN a.attidentity <> '' THEN format('nextval(%L)', pg_get_serial_sequence(relation::text, a.attname)) ELSE pg_get_expr(d.adbin, d.adrelid) END AS value
        FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND (d.oid IS NOT NULL OR a.attidentity <> '') LOOP
        EXECUTE format('ALTER VIEW %s.%I ALTER COLUMN %I SET DEFAULT %s', table_row.relnamespace::regnamespace, table_row.relname, column_row.attname, column_row.value);
    END LOOP;
    EXECUTE format('CREATE TRIGGER outbox_adopt INSTEAD OF INSERT ON %s.%I %s', table_row.relnamespace::regnamespace, table_row.relname, call);
    -- Never fires, since the view has no rows. Without it UPDATE and DELETE, by which programs tidy their outbox up, would be errors.
    EXECUTE format('CREATE TRIGGER outbox_adopt_none INSTEAD OF UPDATE OR DELETE ON %s.%I %s', table_row.relnamespace::regnamespace, table_row.relname, call);
    FOR privilege IN WITH granted AS (
            SELECT (aclexplode(table_row.relacl)).*, '' AS columns
            UNION ALL SELECT (aclexplode(a.attacl)).*, format('(%I)', a.attname) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
        ) SELECT g.privilege_type, g.columns, CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS grantee,
            CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END AS grant_option
        FROM granted AS g WHERE g.privilege_type IN ('INSERT', 'SELECT', 'UPDATE', 'DELETE') AND g.grantee <> table_row.relowner LOOP
        EXECUTE format('GRANT %s %s ON %s.%I TO %s %s', privilege.privilege_type, privilege.columns, table_row.relnamespace::regnamespace, table_row.relname, privilege.grantee,
            privilege.grant_option);
        IF privilege.privilege_type = 'INSERT' THEN -- an identity needs no right on its sequence, the view's default does
            FOR sequence IN SELECT pg_get_serial_sequence(relation::text, a.attname) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attidentity <> '' AND NOT a.attisdropped LOOP
                EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %s', sequence, privilege.grantee);
            END LOOP;
        END IF;
    END LOOP;
    EXECUTE format('ALTER VIEW %s.%I OWNER TO %s', table_row.relnamespace::regnamespace, table_row.relname, table_row.relowner::regrole);
END $$;

COMMENT ON FUNCTION outbox.emit_adopted() IS 'the trigger that outbox.adopt() makes';
COMMENT ON FUNCTION outbox.adopt(regclass, name, name, name, name, name, text, boolean, boolean) IS 'publish what another program inserts into its outbox table';
REVOKE ALL ON FUNCTION outbox.emit_adopted(), outbox.adopt(regclass, name, name, name, name, name, text, boolean, boolean) FROM PUBLIC;
