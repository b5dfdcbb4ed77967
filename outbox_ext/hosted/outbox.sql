-- outbox without its library, for servers that take none: emit in SQL and PL/pgSQL. Nobody has to be a superuser; the role that runs the script needs
-- CREATE on the database and owns what the script creates.
--
--   psql -v ON_ERROR_STOP=1 -1 -f outbox.sql "dbname=app"
--
-- The doors beside emit are in doors.sql, the consumer's half in ../inbox.sql; this script includes both. The functions have the signatures, the
-- checks and the error texts of the extension. The envelopes are those of the extension, byte for byte: the relay's guard rejects any other form
-- (outbox_ext/contract/rules.h). Three things differ. The settings are a table, because a role could change a setting that no library defines. An id
-- is later than the one before only while the clock is not set back. Headers that are text or varchar need a cast to jsonb. Tested by
-- test/t/160_hosted.t, which compares both forms. One script, since setup runs it in one transaction and psql reads it as one file: hence its length.
-- Its text is ASCII, which every database can hold.

\set ON_ERROR_STOP on

SET LOCAL client_min_messages = warning;
SET LOCAL check_function_bodies = on;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'outbox') THEN
        RAISE EXCEPTION 'the extension "outbox" is installed in this database' USING
            ERRCODE = 'duplicate_object', HINT = 'emit is there already; the script is for servers that do not take the library.';
    END IF;
END $$;

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'events that are published if, and only if, their transaction commits';

-- ---- settings -------------------------------------------------------------------------------------------------------

CREATE TABLE outbox.settings (
    slots name[] NOT NULL DEFAULT '{}',
    missing_slot text NOT NULL DEFAULT 'error' CHECK (missing_slot IN ('error', 'warning', 'ignore')),
    max_event_bytes int NOT NULL DEFAULT 900 * 1024 CHECK (max_event_bytes BETWEEN 1 AND 64 * 1024 * 1024),
    is_only_row bool NOT NULL DEFAULT true PRIMARY KEY CHECK (is_only_row)
);
COMMENT ON TABLE outbox.settings IS 'the settings of emit: one row';
COMMENT ON COLUMN outbox.settings.slots IS 'replication slots that must be able to deliver an event; one that cannot is a missing slot';
COMMENT ON COLUMN outbox.settings.missing_slot IS 'what emit does when no replication slot can deliver the event: error, warning, ignore';
COMMENT ON COLUMN outbox.settings.max_event_bytes IS 'largest event that emit accepts, counted with its key, headers and names';
INSERT INTO outbox.settings DEFAULT VALUES;

-- ---- JSON -----------------------------------------------------------------------------------------------------------

-- The value of one escape of a JSON string, in its shortest form. PostgreSQL's text has no NUL, so that escape stays.
CREATE FUNCTION outbox.shortest_escape(escape text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN escape = '\u0000' THEN escape
                ELSE trim_json.text END
    FROM (SELECT CASE WHEN escape <> '\u0000' THEN to_json(('["' || escape || '"]')::json ->> 0)::text END) AS decoded(text),
         LATERAL (SELECT substr(decoded.text, 2, length(decoded.text) - 2)) AS trim_json(text)
$$;

-- Returns the JSON without white space between its tokens and with its escapes in their shortest form; members, digits and repeated names stay.
-- The argument is valid JSON, but for lone surrogates, which the type json does not look for: they raise invalid_text_representation.
CREATE FUNCTION outbox.compact_json(given text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    compact text := regexp_replace(given, '("(?:[^"\\]|\\.)*")|[ \t\r\n]+', '\1', 'g');
BEGIN
    IF compact !~ '\\[u/]' THEN
        RETURN compact;
    END IF;
    RETURN (SELECT string_agg(CASE WHEN piece[2] IS NULL THEN piece[1] ELSE piece[1] || outbox.shortest_escape(piece[2]) END, '' ORDER BY place)
            FROM regexp_matches(compact,
                '([^\\]*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u])?', 'g') WITH ORDINALITY AS pieces(piece, place));
END $$;

-- The number of containers that are open at once in a JSON text, where that may be more than 512; otherwise 0. Of a text that is no JSON brackets count
-- that open or close nothing.
CREATE FUNCTION outbox.json_depth(given text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN length(given) <= 512 OR length(given) - length(translate(given, '[{', '')) <= 512 THEN 0 ELSE (
        SELECT coalesce(max(depth), 0)::int FROM (
            SELECT sum(CASE WHEN bracket IN ('[', '{') THEN 1 ELSE -1 END) OVER (ORDER BY place)
            FROM unnest(string_to_array(regexp_replace(regexp_replace(given, '"(?:[^"\\]|\\.)*"', '', 'g'), '[^][{}]', '', 'g'), NULL))
                WITH ORDINALITY AS brackets(bracket, place)) AS depths(depth)) END
$$;

-- Whether the text is JSON up to the bracket that opens level 513, which the text has: then its depth is the fault, and otherwise that it is no JSON.
CREATE FUNCTION outbox.is_json_up_to_depth(given text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    head text;
    closed text;
BEGIN
    WITH tokens AS (
        SELECT token[1] AS token, place, sum(CASE WHEN token[1] IN ('[', '{') THEN 1 WHEN token[1] IN (']', '}') THEN -1 ELSE 0 END) OVER (ORDER BY place) AS depth
        FROM regexp_matches(given, '"(?:[^"\\]|\\.)*"|[][{}]|[^][{}"]+|"', 'g') WITH ORDINALITY AS found(token, place)
    ), before AS (SELECT * FROM tokens WHERE place < (SELECT min(place) FROM tokens WHERE depth > 512)
    ), still_open AS (SELECT DISTINCT ON (depth) depth, token FROM before WHERE token IN ('[', '{') ORDER BY depth, place DESC)
    SELECT (SELECT string_agg(token, '' ORDER BY place) FROM before),
           (SELECT string_agg(CASE token WHEN '[' THEN ']' ELSE '}' END, '' ORDER BY depth DESC) FROM still_open) INTO STRICT head, closed;
    PERFORM (head || 'null' || closed)::json, outbox.compact_json(head);
    RETURN true;
EXCEPTION WHEN invalid_text_representation OR untranslatable_character THEN
    RETURN false;
END $$;

-- The payload's JSON as the envelope has it. An error repeats no word of the payload, which the server's own error would.
CREATE FUNCTION outbox.payload_json(payload text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    compact text;
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        PERFORM outbox.require_utf8(payload, 'payload');
    END IF;
    BEGIN
        PERFORM payload::json;
        compact := outbox.compact_json(payload);
    EXCEPTION WHEN invalid_text_representation OR untranslatable_character OR statement_too_complex THEN
        compact := NULL;
    END;
    IF outbox.json_depth(coalesce(compact, payload)) > 512 AND (compact IS NOT NULL OR outbox.is_json_up_to_depth(payload)) THEN
        RAISE EXCEPTION 'payload is nested more than 512 levels deep' USING
            ERRCODE = 'statement_too_complex', HINT = 'Flatten the payload, or pass it as bytea.';
    ELSIF compact IS NULL THEN
        RAISE EXCEPTION 'payload is not valid JSON' USING ERRCODE = 'invalid_text_representation',
            HINT = CASE WHEN payload ~ '^\{.*\}$'
                THEN 'Pass JSON as text, json or jsonb, and anything else as bytea, which views take as payload_bytes; a list as "[...]", not as an array literal.'
                ELSE 'Pass JSON as text, json or jsonb, and anything else as bytea, which views take as payload_bytes.' END;
    END IF;
    RETURN compact;
END $$;

-- A row as JSON, independent of the session's settings.
CREATE FUNCTION outbox.row_json(value anyelement) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO pg_catalog, pg_temp SET timezone TO 'UTC' SET datestyle TO 'ISO' SET intervalstyle TO 'postgres' SET extra_float_digits TO 1
    SET bytea_output TO 'hex' SET lc_monetary TO 'C' SET quote_all_identifiers TO off
AS $$ BEGIN RETURN pg_catalog.row_to_json(value)::text; END $$;

-- ---- the members of the envelope ------------------------------------------------------------------------------------

CREATE FUNCTION outbox.require_topic(topic text) RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    wrong text := substring(topic FROM '[^a-zA-Z0-9._-]');
BEGIN
    IF topic IS NULL THEN
        RAISE EXCEPTION 'topic must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Give the name of a Kafka topic.';
    ELSIF wrong IS NOT NULL OR topic IN ('.', '..') OR octet_length(topic) NOT BETWEEN 1 AND 249 THEN
        RAISE EXCEPTION 'invalid topic name' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = CASE WHEN wrong IS NOT NULL
                THEN format('Byte %s of %s is not an allowed character.', octet_length(split_part(topic, wrong, 1)) + 1, octet_length(topic))
                WHEN topic IN ('.', '..') THEN 'The name is "." or "..".'
                ELSE format('The name has %s bytes.', octet_length(topic)) END,
            HINT = 'Kafka allows 1 to 249 letters, digits, ".", "_" and "-", but not "." or "..".';
    ELSIF starts_with(topic, '__') THEN
        RAISE EXCEPTION 'topics must not begin with "__"' USING
            ERRCODE = 'reserved_name', HINT = 'Kafka keeps its own records in such topics. Choose another name.';
    END IF;
END $$;

-- Whether a header's value is bytes: {"base64": "..."}, padded, without line breaks, with 0 for the bits that carry nothing.
CREATE FUNCTION outbox.is_bytes(value json) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp AS $$
    SELECT json_typeof(value) = 'object' AND (SELECT count(*) = 1 AND coalesce(bool_and(key = 'base64' AND json_typeof(each.value) = 'string'
        AND each.value #>> '{}' ~ '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$'), false)
        FROM json_each(CASE json_typeof(value) WHEN 'object' THEN value ELSE '{}' END) AS each)
    $$;

-- The names of headers, and their members of the envelope's object, in the same order. Null where there are no headers. `what` is what an error
-- calls them.
CREATE FUNCTION outbox.header_members(headers text, what text, OUT names text[], OUT members text[]) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    kinds text[];
    wrong int;
    message text := what || ' must be a JSON object whose values are strings';
BEGIN
    IF headers IS NULL OR headers = '' THEN
        RETURN;
    END IF;
    BEGIN
        IF json_typeof(headers::json) = 'object' THEN
            SELECT coalesce(array_agg(each.key), '{}'), coalesce(array_agg(CASE WHEN outbox.is_bytes(each.value) THEN 'bytes' ELSE json_typeof(each.value) END), '{}'),
                   coalesce(array_agg(to_json(each.key)::text || ':' || CASE WHEN outbox.is_bytes(each.value)
                       THEN '{"base64":' || to_json(each.value ->> 'base64')::text || '}' ELSE to_json(each.value #>> '{}')::text END), '{}')
                INTO names, kinds, members FROM json_each(headers::json) AS each;
        END IF;
    EXCEPTION
        WHEN untranslatable_character THEN
            RAISE EXCEPTION 'header is not valid text or cannot be written in UTF-8' USING
                ERRCODE = 'character_not_in_repertoire', HINT = 'Events are always UTF-8; pass other bytes as bytea.';
        WHEN invalid_text_representation OR statement_too_complex THEN
            names := NULL;
    END;
    PERFORM outbox.require_header_count(names);
    SELECT min(place) INTO wrong FROM generate_subscripts(kinds, 1) AS place WHERE kinds[place] NOT IN ('string', 'bytes');
    IF names IS NULL THEN
        RAISE EXCEPTION '%', message USING ERRCODE = 'sql_json_object_not_found', HINT = 'For example: ''{"traceparent": "00-4bf92f35"}''.';
    ELSIF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', message USING ERRCODE = 'sql_json_object_not_found', DETAIL = format('Header %s of %s is %s.', wrong, cardinality(names),
                CASE kinds[wrong] WHEN 'null' THEN 'null' WHEN 'number' THEN 'a number' WHEN 'boolean' THEN 'a boolean' ELSE 'an object or array' END),
            HINT = CASE WHEN kinds[wrong] IN ('object', 'array') THEN 'Bytes are an object, {"base64": "AAECAw=="}, in base64 with its padding and without line breaks.'
                ELSE 'For example: ''{"traceparent": "00-4bf92f35"}''.' END;
    ELSIF names && ARRAY['id', 'type'] THEN
        RAISE EXCEPTION '% must not be named "id" or "type"', what USING
            ERRCODE = 'reserved_name', HINT = 'The relay sets the headers "id" and "type" from the event''s id and from the argument "type".';
    ELSIF cardinality(names) <> (SELECT count(DISTINCT name COLLATE "C") FROM unnest(names) AS name) THEN
        RAISE EXCEPTION '% must not repeat a name', what USING ERRCODE = 'duplicate_json_object_key_value';
    END IF;
END $$;

CREATE FUNCTION outbox.require_header_count(names text[]) RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(names) > 1000 THEN
        RAISE EXCEPTION 'headers must not be more than 1000' USING ERRCODE = 'program_limit_exceeded';
    END IF;
END $$;

-- The envelope's member "headers" with its comma: the headers of the call and, beneath them, those of the setting outbox.headers, which any role sets
-- with SET LOCAL for all events of a transaction. Empty where there are none.
CREATE FUNCTION outbox.header_member(headers text) RETURNS text LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting text := current_setting('outbox.headers', true);
    own record;
    context record;
BEGIN
    IF headers IS NULL AND coalesce(setting, '') = '' THEN
        RETURN '';
    ELSIF octet_length(setting) > 64 * 1024 THEN
        RAISE EXCEPTION 'headers of "outbox.headers" must be a JSON object whose values are strings' USING
            ERRCODE = 'program_limit_exceeded', DETAIL = 'The value is larger than 64 kB.', HINT = 'For example: ''{"traceparent": "00-4bf92f35"}''.';
    END IF;
    IF getdatabaseencoding() <> 'UTF8' THEN
        PERFORM outbox.require_utf8(headers, 'header'), outbox.require_utf8(setting, 'header');
    END IF;
    SELECT * INTO own FROM outbox.header_members(headers, 'headers');
    SELECT array_agg(name) AS names, array_agg(member) AS members INTO context
        FROM outbox.header_members(setting, 'headers of "outbox.headers"') AS given, unnest(given.names, given.members) AS each(name, member)
        WHERE own.names IS NULL OR name <> ALL (own.names COLLATE "C");
    PERFORM outbox.require_header_count(own.names || context.names);
    RETURN coalesce(',"headers":{' || nullif(array_to_string(own.members || context.members, ','), '') || '}', '');
END $$;

CREATE FUNCTION outbox.type_member(type text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF type IS NULL OR type = '' THEN
        RETURN '';
    ELSIF type ~ '^[ \t\r\n]*\{' THEN
        BEGIN
            PERFORM type::json;
        EXCEPTION WHEN invalid_text_representation THEN
            RETURN ',"type":' || to_json(type)::text;
        END;
        RAISE EXCEPTION 'type must not be a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Headers are the argument after the type: outbox.emit(topic, key, payload, headers => ...).';
    END IF;
    RETURN ',"type":' || to_json(type)::text;
END $$;

-- Refuses text that has no form in UTF-8: a database in SQL_ASCII holds any bytes, and some characters of other encodings UTF-8 does not have. `what` is
-- what the error calls the text.
CREATE FUNCTION outbox.require_utf8(given text, what text) RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    BEGIN
        PERFORM length(outbox.utf8(given), 'UTF8'); -- a look at every byte
        RETURN;
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character OR undefined_function THEN
    END;
    RAISE EXCEPTION '% is not valid text or cannot be written in UTF-8', what USING
        ERRCODE = 'character_not_in_repertoire', HINT = 'Events are always UTF-8; pass other bytes as bytea.';
END $$;

-- The text's bytes in UTF-8. MULE_INTERNAL has no conversion, which ASCII does not need.
CREATE FUNCTION outbox.utf8(given text) RETURNS bytea LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF getdatabaseencoding() = 'MULE_INTERNAL' AND encode(convert_to(given, 'MULE_INTERNAL'), 'hex') ~ '^([0-7].)*$' THEN
        RETURN convert_to(given, 'MULE_INTERNAL');
    END IF;
    RETURN convert_to(given, 'UTF8');
END $$;

-- A UUIDv7 (RFC 9562, method 3), to a microsecond.
CREATE FUNCTION outbox.next_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT encode(overlay(uuid_send(gen_random_uuid()) PLACING int8send(us / 1000 << 16 | 28672 | us % 1000 * 4096 / 1000) FROM 1 FOR 8), 'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS clock(us)
$$;

-- ---- can the event be delivered? ------------------------------------------------------------------------------------

-- Why the slot cannot deliver an event of this database, as detail and hint; no row where the slot can.
CREATE FUNCTION outbox.slot_fault(slot name, OUT detail text, OUT hint text) RETURNS SETOF record LANGUAGE sql STABLE SET search_path TO pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN s.slot_name IS NULL THEN 'The table "outbox.settings" names the slot, and the slot does not exist.'
        WHEN s.database IS DISTINCT FROM current_database() OR s.plugin NOT IN ('pgoutput', 'outbox')
            THEN 'The table "outbox.settings" names the slot, which belongs to another database or another output plugin.'
        WHEN s.temporary THEN 'The slot is temporary: it goes when its session ends, and the event would go with it.'
        WHEN s.confirmed_flush_lsn IS NULL THEN 'The slot is still being created.'
        ELSE 'The slot has been invalidated: the WAL it needs may be gone.' END,
        CASE
        WHEN s.slot_name IS NULL THEN 'Create the slot with "outbox-relay setup --plugin pgoutput", or take its name out of "outbox.settings".'
        WHEN s.database IS DISTINCT FROM current_database() OR s.plugin NOT IN ('pgoutput', 'outbox') THEN 'Name slots of this database.'
        WHEN s.temporary THEN 'Create a slot that stays with "outbox-relay setup --plugin pgoutput".'
        WHEN s.confirmed_flush_lsn IS NULL THEN 'Retry the transaction.'
        ELSE 'Drop the slot and create it again with "outbox-relay setup --plugin pgoutput"; what it had not delivered is lost.' END
    FROM (VALUES (slot)) AS named(slot_name) LEFT JOIN pg_replication_slots AS s ON s.slot_name = named.slot_name
    WHERE s.slot_name IS NULL OR s.database IS DISTINCT FROM current_database() OR s.plugin NOT IN ('pgoutput', 'outbox') OR s.temporary
        OR s.confirmed_flush_lsn IS NULL OR s.wal_status = 'lost' OR to_jsonb(s) ->> 'invalidation_reason' IS NOT NULL -- from 17 on
        OR coalesce((to_jsonb(s) ->> 'conflicting')::bool, false)                                                   -- from 16 on
$$;

-- The fault of the slots that must be able to deliver, as the error that emit raises. All null where there is none.
CREATE FUNCTION outbox.broken_slot(setting outbox.settings, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql STABLE
    SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    broken record;
BEGIN
    IF setting.slots = '{}' THEN
        message := 'no replication slot can deliver the event';
        detail := 'The table "outbox.settings" names no slot.';
        hint := 'Create the slot with "outbox-relay setup --plugin pgoutput".';
        RETURN;
    END IF;
    SELECT slot, fault.detail, fault.hint INTO broken FROM unnest(setting.slots) AS slot, outbox.slot_fault(slot) AS fault LIMIT 1;
    IF FOUND THEN
        message := format('replication slot "%s" cannot deliver the event', broken.slot);
        detail := broken.detail;
        hint := broken.hint;
    END IF;
END $$;

-- Whether the event is written. The slots are looked at once in a transaction, and again when the settings change. A caller who sets
-- outbox_hosted.slot_seen spares only his own events.
-- Where events are captured, an event that no slot could deliver is not written, and raises no error.
CREATE FUNCTION outbox.require_slot(setting outbox.settings, capture text) RETURNS bool LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    seen text := pg_current_xact_id()::text || ' ' || setting.missing_slot || ' ' || setting.slots::text;
    has_level bool := coalesce(current_setting('effective_wal_level', true), current_setting('wal_level')) = 'logical';
    broken record;
BEGIN
    IF current_setting('outbox_hosted.slot_seen', true) IS DISTINCT FROM seen THEN
        SELECT * INTO broken FROM outbox.broken_slot(setting);
        IF capture <> 'off' AND (broken.message IS NOT NULL OR NOT has_level) THEN
            RETURN false;
        ELSIF broken.message IS NOT NULL AND setting.missing_slot = 'error' THEN
            RAISE EXCEPTION '%', broken.message
                USING ERRCODE = 'undefined_object', DETAIL = broken.detail, HINT = broken.hint;
        ELSIF broken.message IS NOT NULL AND setting.missing_slot = 'warning' THEN
            RAISE WARNING '%', broken.message
                USING ERRCODE = 'undefined_object', DETAIL = broken.detail, HINT = broken.hint;
        END IF;
        IF NOT has_level THEN
            RAISE EXCEPTION 'the event would be lost because the effective "wal_level" is below "logical"' USING
                ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Set "wal_level" to "logical", by the name that the provider gives it.';
        END IF;
    END IF;
    -- At each call: the server refuses it in a parallel worker, where nothing may be emitted.
    seen := set_config('outbox_hosted.slot_seen', seen, true);
    RETURN true;
END $$;

-- ---- emit -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION outbox.refuse_size(size int, max_event_bytes int) RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'event is larger than "outbox.max_event_bytes"' USING ERRCODE = 'program_limit_exceeded',
        DETAIL = format('The event has %s bytes or more; the limit is %s.', size, max_event_bytes),
        HINT = 'Publish a reference to the data, or raise "max_event_bytes" in "outbox.settings", the Kafka topic''s "max.message.bytes" and the relay''s "message.max.bytes".';
END $$;

-- The payload's member of the envelope, with its comma. Bytes that are larger than an event may be are refused before they are read, as is text that is
-- larger than any event; text may shrink when it loses its white space.
CREATE FUNCTION outbox.payload_member(payload anyelement, max_event_bytes int) RETURNS text LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    kind regtype := pg_typeof(payload);
    is_row bool := false;
    json_text text;
    size int;
BEGIN
    IF payload IS NOT DISTINCT FROM NULL THEN
        RETURN '';
    ELSIF kind NOT IN ('jsonb'::regtype, 'json'::regtype, 'text'::regtype, 'bytea'::regtype) THEN
        WITH RECURSIVE domains AS (
            SELECT oid, typtype, typbasetype FROM pg_type WHERE oid = kind
            UNION ALL
            SELECT t.oid, t.typtype, t.typbasetype FROM pg_type AS t JOIN domains AS d ON d.typtype = 'd' AND t.oid = d.typbasetype
        ) SELECT oid::regtype, typtype = 'c' OR oid = 'record'::regtype INTO kind, is_row FROM domains WHERE typtype <> 'd';
    END IF;
    IF kind = 'bytea'::regtype THEN
        size := octet_length(payload::bytea); -- octet_length reads no byte of a large value; a PERFORM with the payload would
        IF size > max_event_bytes THEN
            PERFORM outbox.refuse_size(size, max_event_bytes);
        END IF;
        RETURN ',"payload_base64":"' || translate(encode(payload::bytea, 'base64'), E'\n', '') || '"';
    ELSIF is_row THEN
        json_text := outbox.row_json(payload);
    ELSIF kind IN ('jsonb'::regtype, 'json'::regtype, 'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) THEN
        json_text := payload::text;
    ELSE
        RAISE EXCEPTION 'payload must not be of type %', kind USING ERRCODE = 'datatype_mismatch',
            HINT = 'Pass JSON as text, json or jsonb, bytes as bytea, or a row; to_jsonb() makes JSON of any value.';
    END IF;
    size := octet_length(json_text);
    IF size > 64 * 1024 * 1024 THEN
        PERFORM outbox.refuse_size(size, max_event_bytes);
    END IF;
    RETURN ',"payload":' || outbox.payload_json(json_text);
END $$;

-- Each emit calls publish(). PUBLIC may execute publish(), as PUBLIC may write any logical message: pg_logical_emit_message decides.
CREATE FUNCTION outbox.publish(topic text, key text, payload anycompatible, type text, headers text, own_id uuid DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql VOLATILE
    SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    setting outbox.settings;
    id uuid;
    envelope text;
    size int;
    capture text := outbox.capture_mode();
    is_written bool;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'cannot execute outbox.emit() during recovery' USING
            ERRCODE = 'read_only_sql_transaction', HINT = 'Connect to the primary server.';
    ELSIF current_setting('transaction_read_only')::bool THEN
        RAISE EXCEPTION 'cannot execute outbox.emit() in a read-only transaction' USING
            ERRCODE = 'read_only_sql_transaction', HINT = 'Begin the transaction with READ WRITE.';
    END IF;
    SELECT * INTO STRICT setting FROM outbox.settings;
    size := greatest(octet_length(topic), octet_length(key), octet_length(type));
    IF size > setting.max_event_bytes THEN
        PERFORM outbox.refuse_size(size, setting.max_event_bytes);
    END IF;
    PERFORM outbox.require_topic(topic);
    is_written := outbox.require_slot(setting, capture);
    IF key IS NULL AND payload IS NOT DISTINCT FROM NULL THEN
        RAISE EXCEPTION 'key and payload must not both be null' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'A null payload is a tombstone: it deletes what the topic holds for its key.';
    END IF;
    IF getdatabaseencoding() <> 'UTF8' THEN
        PERFORM outbox.require_utf8(key, 'key'), outbox.require_utf8(type, 'type');
    END IF;
    id := coalesce(own_id, outbox.next_id());
    envelope := '{"topic":"' || topic || '"' || coalesce(',"key":' || to_json(key)::text, '') || ',"id":"' || id || '"'
        || outbox.type_member(type) || outbox.header_member(headers);
    size := octet_length(outbox.utf8(envelope));
    IF size > 900 * 1024 THEN
        RAISE EXCEPTION 'key, type and headers are larger than 900 kB' USING ERRCODE = 'program_limit_exceeded',
            DETAIL = format('Key, type and headers have %s bytes together.', size), HINT = 'Large data belongs in the payload.';
    END IF;
    envelope := envelope || outbox.payload_member(payload, setting.max_event_bytes) || '}';
    size := octet_length(outbox.utf8(envelope));
    IF size > setting.max_event_bytes THEN
        PERFORM outbox.refuse_size(size, setting.max_event_bytes);
    END IF;
    IF capture <> 'off' THEN
        PERFORM outbox.capture_event(envelope, capture);
    END IF;
    IF is_written THEN
        PERFORM pg_logical_emit_message(true, 'outbox', outbox.utf8(envelope));
    END IF;
    RETURN id;
END $$;

CREATE FUNCTION outbox.emit(topic text, key text, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish($1, $2, $3, $4, $5::pg_catalog.text) $$;

CREATE FUNCTION outbox.emit(topic text, key bigint, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish($1, $2::pg_catalog.text, $3, $4, $5::pg_catalog.text) $$;

CREATE FUNCTION outbox.emit(topic text, key uuid, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT outbox.publish($1, $2::pg_catalog.text, $3, $4, $5::pg_catalog.text) $$;

-- Two functions for headers that are json, and for keys of other types: PostgreSQL prefers a topic of type text to one of a domain. Headers
-- that are text or varchar would need a type of their own, which only a superuser can make.
CREATE DOMAIN outbox.topic_name AS text;
COMMENT ON DOMAIN outbox.topic_name IS 'the topic of a function that gives way to one whose topic is text';

CREATE FUNCTION outbox.require_grant(key_type regtype) RETURNS void LANGUAGE plpgsql STABLE SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_function_privilege(format('outbox.emit(text, %s, anycompatible, text, jsonb)', key_type), 'EXECUTE') THEN
        RAISE EXCEPTION 'permission denied for function emit' USING
            ERRCODE = 'insufficient_privilege', HINT = 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox lets a role emit.';
    END IF;
END $$;

CREATE FUNCTION outbox.emit(topic outbox.topic_name, key text, payload anycompatible, type text DEFAULT NULL, headers json DEFAULT NULL)
    RETURNS uuid LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp AS $$
BEGIN
    PERFORM outbox.require_grant('text');
    RETURN outbox.publish(topic, key, payload, type, headers::text);
END $$;

CREATE FUNCTION outbox.emit(topic outbox.topic_name, key anyelement, payload anycompatible, type text DEFAULT NULL, headers json DEFAULT NULL)
    RETURNS uuid LANGUAGE plpgsql VOLATILE SET search_path TO pg_catalog, pg_temp AS $$
DECLARE
    base regtype := coalesce((SELECT nullif(typbasetype, 0) FROM pg_type WHERE oid = pg_typeof(key)), pg_typeof(key));
    as_type regtype := CASE WHEN base IN ('smallint', 'integer', 'bigint') THEN 'bigint' WHEN base = 'uuid'::regtype THEN 'uuid'
        WHEN base IN ('text', 'varchar', 'bpchar') THEN 'text' END;
BEGIN
    IF as_type IS NULL THEN
        RAISE EXCEPTION 'key must not be of type %', pg_typeof(key) USING
            ERRCODE = 'datatype_mismatch', HINT = 'Cast the key to text, bigint or uuid, for example: CAST(key AS text).';
    END IF;
    PERFORM outbox.require_grant(as_type);
    RETURN outbox.publish(topic, key::text, payload, type, headers::text);
END $$;

DO $$
DECLARE
    emit regprocedure;
BEGIN
    FOR emit IN SELECT oid FROM pg_catalog.pg_proc WHERE pronamespace = 'outbox'::pg_catalog.regnamespace AND proname = 'emit' LOOP
        EXECUTE pg_catalog.format('COMMENT ON FUNCTION %s IS %L', emit, 'publish an event if this transaction commits; returns its id');
    END LOOP;
END $$;

-- ---- who may do what ------------------------------------------------------------------------------------------------

-- A role that may emit may write to every topic, so nobody may until the owner grants it. The helpers compute, or write what their caller
-- could write with pg_logical_emit_message.
REVOKE ALL ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit(text, uuid, anycompatible, text, jsonb) FROM PUBLIC;
GRANT SELECT ON outbox.settings TO PUBLIC;

-- The publication is empty: pgoutput sends the messages of the whole database whatever the publication has, and of the changes only those of its
-- tables, of which there are none.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = 'outbox') THEN
        CREATE PUBLICATION outbox;
        COMMENT ON PUBLICATION outbox IS 'what outbox-relay reads: messages alone, no table';
    END IF;
END $$;

\ir doors.sql
\ir ../inbox.sql
