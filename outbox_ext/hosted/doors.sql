-- The doors beside emit, in SQL and PL/pgSQL: a part of outbox.sql, with the names, SQLSTATEs and hints of the extension. The hosted form has no
-- triggers on tables (outbox.attach), no outbox table of another program (outbox.adopt), no table of topics and no view outbox.status.
-- The extension's script has the same text of create_topic_view, captured and was_emitted, and test/t/169_twins.t compares the two texts.
-- Tested by test/t/160_hosted.t, which runs the extension's regression tests.

-- ---- a view to insert into ------------------------------------------------------------------------------------------

-- The trigger of outbox.events and of views of one topic, whose name is the trigger's argument. A view may have any of these columns, and others. The
-- role that inserts needs USAGE on the schema, since the function runs as that role.
CREATE FUNCTION outbox.emit_event() RETURNS trigger LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    read_columns text;
    wrong record;
    given record;
    own_id uuid;
BEGIN
    IF TG_OP <> 'INSERT' OR TG_WHEN <> 'INSTEAD OF' THEN
        RAISE EXCEPTION 'outbox.emit_event() must be the trigger of a view, INSTEAD OF INSERT, FOR EACH ROW' USING
            ERRCODE = 'trigger_protocol_violated', HINT = 'outbox.create_topic_view() makes such a view.';
    END IF;
    SELECT a.attname AS name, a.atttypid::regtype AS type INTO wrong FROM pg_attribute AS a
        WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped AND CASE a.attname
            WHEN 'topic' THEN a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype) WHEN 'type' THEN a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype)
            WHEN 'headers' THEN a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'json'::regtype, 'jsonb'::regtype)
            WHEN 'id' THEN a.atttypid <> 'uuid'::regtype WHEN 'payload_bytes' THEN a.atttypid <> 'bytea'::regtype ELSE false END LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" must not be of type %', wrong.name, wrong.type USING ERRCODE = 'datatype_mismatch',
            HINT = 'Columns topic, type and headers are text (headers also json or jsonb), id is uuid, payload_bytes is bytea.';
    END IF;
    SELECT a.atttypid::regtype AS type INTO wrong FROM pg_attribute AS a WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname = 'payload' AND a.atttypid NOT IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'json'::regtype, 'jsonb'::regtype);
    IF FOUND THEN
        RAISE EXCEPTION 'payload must not be of type %', wrong.type USING ERRCODE = 'datatype_mismatch',
            HINT = 'Pass JSON as text, json or jsonb, bytes as bytea, or a row; to_jsonb() makes JSON of any value.';
    END IF;
    SELECT 'SELECT ' || string_agg(CASE WHEN a.attname IS NULL THEN 'NULL' ELSE format('($1).%I', wanted.name) END || '::' || wanted.type || ' AS ' || quote_ident(wanted.name), ', ')
        INTO STRICT read_columns
        FROM (VALUES ('id', 'uuid'), ('topic', 'text'), ('key', 'text'), ('payload', 'text'), ('payload_bytes', 'bytea'), ('type', 'text'), ('headers', 'text')) AS wanted(name, type)
            LEFT JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attname = wanted.name AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE read_columns INTO STRICT given USING NEW;
    IF TG_NARGS > 0 THEN
        given.topic := TG_ARGV[0];
    END IF;
    IF given.payload_bytes IS NULL THEN
        own_id := outbox.publish(given.topic, given.key, given.payload, given.type, given.headers, given.id);
    ELSIF given.payload IS NULL THEN
        own_id := outbox.publish(given.topic, given.key, given.payload_bytes, given.type, given.headers, given.id);
    ELSE
        RAISE EXCEPTION 'payload and payload_bytes must not both be given' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An event has one payload: JSON in payload, anything else in payload_bytes.';
    END IF;
    IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = TG_RELID AND a.attname = 'id' AND a.attnum > 0 AND NOT a.attisdropped) THEN
        NEW.id := own_id;
    END IF;
    RETURN NEW;
END $$;

CREATE VIEW outbox.events AS SELECT NULL::uuid AS id, NULL::text AS topic, NULL::text AS key, NULL::text AS payload, NULL::bytea AS payload_bytes,
    NULL::text AS type, NULL::text AS headers WHERE false;
CREATE TRIGGER emit INSTEAD OF INSERT ON outbox.events FOR EACH ROW EXECUTE FUNCTION outbox.emit_event();

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

-- ---- many in one call -----------------------------------------------------------------------------------------------

CREATE FUNCTION outbox.require_count(name text, given int, wanted int, dimensions int) RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF dimensions > 1 THEN
        RAISE EXCEPTION '% must be an array of one dimension', name USING
            ERRCODE = 'array_subscript_error', HINT = 'Pass JSON arrays as JSON text, an element each.';
    ELSIF given <> wanted THEN
        RAISE EXCEPTION '% must have as many elements as payloads', name USING ERRCODE = 'array_subscript_error',
            DETAIL = format('There are %s payloads and %s %s.', wanted, given, name),
            HINT = 'Give an element for each payload, which may be NULL, or NULL in place of the array.';
    END IF;
END $$;

CREATE FUNCTION outbox.publish_many(topic text, keys text[], payloads anycompatiblearray, types text[], headers jsonb[]) RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    elements payloads%TYPE := payloads; -- an array is taken apart once where it is a variable
    its_keys text[] := keys;
    its_types text[] := types;
    its_headers jsonb[] := headers;
    ids uuid[] := '{}';
BEGIN
    IF payloads IS NULL THEN
        RAISE EXCEPTION 'payloads must not be null' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'The array of payloads says how many events there are; its elements may be NULL.';
    END IF;
    PERFORM outbox.require_count('payloads', 0, 0, array_ndims(payloads));
    PERFORM outbox.require_count('keys', cardinality(keys), cardinality(payloads), array_ndims(keys));
    PERFORM outbox.require_count('types', cardinality(types), cardinality(payloads), array_ndims(types));
    PERFORM outbox.require_count('headers', cardinality(headers), cardinality(payloads), array_ndims(headers));
    FOR i IN 0 .. cardinality(payloads) - 1 LOOP
        ids[i + 1] := outbox.publish(topic, its_keys[array_lower(its_keys, 1) + i], elements[array_lower(elements, 1) + i],
            its_types[array_lower(its_types, 1) + i], its_headers[array_lower(its_headers, 1) + i]::text);
    END LOOP;
    RETURN ids;
END $$;

CREATE FUNCTION outbox.emit_many(topic text, keys text[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish_many($1, $2, $3, $4, $5) $$;
CREATE FUNCTION outbox.emit_many(topic text, keys bigint[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish_many($1, $2::pg_catalog.text[], $3, $4, $5) $$;
CREATE FUNCTION outbox.emit_many(topic text, keys uuid[], payloads anycompatiblearray, types text[] DEFAULT NULL, headers jsonb[] DEFAULT NULL)
    RETURNS uuid[] LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish_many($1, $2::pg_catalog.text[], $3, $4, $5) $$;

-- ---- for tests ------------------------------------------------------------------------------------------------------

-- The value of outbox.capture: off, on (keeps events until the transaction ends), session.
CREATE FUNCTION outbox.capture_mode() RETURNS text LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting text := lower(coalesce(nullif(current_setting('outbox.capture', true), ''), 'off') COLLATE "C"); -- in Turkish lower('I') is no i
BEGIN
    IF setting IN ('off', 'on', 'session') THEN
        RETURN setting;
    ELSIF setting IN ('true', 'yes', '1') THEN
        RETURN 'on';
    ELSIF setting IN ('false', 'no', '0') THEN
        RETURN 'off';
    END IF;
    RAISE EXCEPTION 'invalid value for parameter "outbox.capture"' USING ERRCODE = 'invalid_parameter_value', HINT = 'Available values: off, on, session.';
END $$;

-- Keeps the event in a setting of the session, which a rollback, even one to a savepoint, sets back.
CREATE FUNCTION outbox.capture_event(envelope text, mode text) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    kept text := coalesce(current_setting('outbox_hosted.captured', true), '');
BEGIN
    IF octet_length(kept) + octet_length(envelope) > 64 * 1024 * 1024 THEN
        RAISE EXCEPTION '"outbox.capture" keeps no more than 64 MB of events' USING ERRCODE = 'program_limit_exceeded',
            HINT = 'SET outbox.capture = off forgets the events; the setting is meant for tests.';
    END IF;
    PERFORM set_config('outbox_hosted.captured', kept || envelope || E'\n', mode = 'on');
END $$;

-- The kept envelopes. The server's own error would show a payload that jsonb cannot hold.
CREATE FUNCTION outbox.captured_lines() RETURNS text[] LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    lines text[];
    wrong int;
BEGIN
    IF outbox.capture_mode() = 'off' THEN
        RAISE EXCEPTION 'no events are kept because "outbox.capture" is off' USING
            ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SET outbox.capture = on, before the events are emitted.';
    END IF;
    lines := string_to_array(rtrim(current_setting('outbox_hosted.captured', true), E'\n'), E'\n');
    SELECT min(place) INTO wrong FROM unnest(lines) WITH ORDINALITY AS c(line, place) WHERE line ~ '(^|[^\\])(\\\\)*\\u0000';
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the payload of event % cannot be jsonb', wrong USING ERRCODE = 'untranslatable_character', DETAIL = 'The payload has a \u0000.',
            HINT = 'Emit the payload as bytea in tests that look at it.';
    END IF;
    RETURN lines;
END $$;

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

-- ---- is it delivered? -----------------------------------------------------------------------------------------------

-- The end of the last record before the LSN. No record ends in the head of a page, where pg_current_wal_insert_lsn() can stand. The planner computes
-- each result of a CASE in advance where the argument is a constant (18 and later), so none may be out of range, also for 0/0.
CREATE FUNCTION outbox.record_end(lsn pg_lsn) RETURNS pg_lsn LANGUAGE sql STABLE STRICT SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN (lsn - '0/0') % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN lsn - least(lsn - '0/0', 40)
                WHEN (lsn - '0/0') % current_setting('wal_block_size')::int = 24 THEN lsn - least(lsn - '0/0', 24) ELSE lsn END
$$;

CREATE FUNCTION outbox.delivered(lsn pg_lsn) RETURNS boolean LANGUAGE plpgsql VOLATILE STRICT SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    broken record;
BEGIN
    SELECT fault.* INTO broken FROM outbox.settings AS s, outbox.broken_slot(s) AS fault;
    IF broken.message IS NOT NULL THEN
        RAISE EXCEPTION '%', broken.message USING ERRCODE = 'undefined_object', DETAIL = broken.detail, HINT = broken.hint;
    END IF;
    RETURN (SELECT min(r.confirmed_flush_lsn) >= outbox.record_end(lsn) FROM outbox.settings AS s, pg_replication_slots AS r WHERE r.slot_name = ANY (s.slots));
END $$;

-- Holds no snapshot between two looks. A search path of the procedure's own would forbid the COMMIT, so each name is qualified.
CREATE PROCEDURE outbox.wait_delivered(lsn pg_lsn DEFAULT NULL, timeout interval DEFAULT '30 seconds') LANGUAGE plpgsql AS $$
DECLARE
    wanted pg_catalog.pg_lsn := coalesce(lsn, pg_catalog.pg_current_wal_insert_lsn());
    deadline pg_catalog.timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) least(timeout, pg_catalog.interval '1000 years');
BEGIN
    IF timeout IS NULL THEN
        RAISE EXCEPTION 'timeout must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give an interval, for example ''10 seconds''.';
    END IF;
    LOOP
        COMMIT;
        EXIT WHEN outbox.delivered(wanted);
        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) deadline THEN
            RAISE EXCEPTION 'what was committed before this position is not delivered in time' USING ERRCODE = 'query_canceled',
                HINT = 'The view pg_replication_slots shows how far the slots are, and whether a relay reads them.';
        END IF;
        PERFORM pg_catalog.pg_sleep(0.02);
    END LOOP;
END $$;

-- ---- who may do what ------------------------------------------------------------------------------------------------

COMMENT ON FUNCTION outbox.emit_event() IS 'the trigger of outbox.events and of views of one topic';
COMMENT ON VIEW outbox.events IS 'publish an event by inserting it; RETURNING gives its id';
COMMENT ON FUNCTION outbox.create_topic_view(text, text, name) IS 'make a view like outbox.events, whose rows go to one topic';
COMMENT ON FUNCTION outbox.captured() IS 'the events that outbox.capture has kept, in the order in which they were emitted';
COMMENT ON FUNCTION outbox.was_emitted(text, text, jsonb) IS 'whether outbox.capture has kept an event of this topic and key, whose payload contains this one';
COMMENT ON FUNCTION outbox.delivered(pg_lsn) IS 'whether every slot that must deliver has confirmed what was committed before this position';
COMMENT ON PROCEDURE outbox.wait_delivered(pg_lsn, interval) IS 'wait until what was committed before this position, or before now, is delivered';
REVOKE ALL ON FUNCTION outbox.emit_event(), outbox.create_topic_view(text, text, name), outbox.captured_lines(), outbox.captured(),
    outbox.was_emitted(text, text, jsonb), outbox.delivered(pg_lsn) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit_many(text, text[], anycompatiblearray, text[], jsonb[]), outbox.emit_many(text, bigint[], anycompatiblearray, text[], jsonb[]),
    outbox.emit_many(text, uuid[], anycompatiblearray, text[], jsonb[]) FROM PUBLIC;
REVOKE ALL ON PROCEDURE outbox.wait_delivered(pg_lsn, interval) FROM PUBLIC;
