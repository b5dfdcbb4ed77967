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
