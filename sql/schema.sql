-- CREATE EXTENSION and ALTER EXTENSION UPDATE refuse a schema "outbox" in which another role could put a function beside emit: that function
-- would run with its caller's rights.
SET client_min_messages = warning;
\t on
\a
SELECT current_database() AS here \gset
CREATE ROLE regress_outbox_squatter;
CREATE ROLE regress_outbox_admin SUPERUSER;
CREATE DATABASE regress_schema;
GRANT CREATE ON DATABASE regress_schema TO regress_outbox_squatter;
\c regress_schema
\set SHOW_CONTEXT never

-- a schema that a role without superuser rights has made, empty or not
SET ROLE regress_outbox_squatter;
CREATE SCHEMA outbox;
RESET ROLE;
CREATE EXTENSION outbox;
SET ROLE regress_outbox_squatter;
CREATE FUNCTION outbox.emit(text, int, text) RETURNS uuid LANGUAGE sql AS $$ SELECT gen_random_uuid() $$;
-- objects that the script would use if it trusted its search path
CREATE FUNCTION outbox.never(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN false; END $$;
CREATE FUNCTION outbox.never(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN true; END $$;
CREATE FUNCTION outbox.never(name, name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN true; END $$;
CREATE FUNCTION outbox.never("char", text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN true; END $$;
CREATE FUNCTION outbox.never(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN true; END $$;
CREATE OPERATOR outbox.= (LEFTARG = name, RIGHTARG = text, FUNCTION = outbox.never);
CREATE OPERATOR outbox.= (LEFTARG = name, RIGHTARG = name, FUNCTION = outbox.never);
CREATE OPERATOR outbox.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = outbox.never);
CREATE OPERATOR outbox.= (LEFTARG = "char", RIGHTARG = text, FUNCTION = outbox.never);
CREATE OPERATOR outbox.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = outbox.never);
CREATE OPERATOR outbox.<> (LEFTARG = oid, RIGHTARG = oid, FUNCTION = outbox.never);
CREATE FUNCTION outbox.pg_describe_object(oid, oid, int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the squatter is %', current_user; RETURN NULL; END $$;
CREATE TABLE outbox.pg_namespace (oid oid, nspname name, nspowner oid, nspacl aclitem[]);
CREATE TABLE outbox.pg_depend (classid oid, objid oid, refclassid oid, refobjid oid, deptype "char");
CREATE DOMAIN outbox.text AS pg_catalog.text;
RESET ROLE;
CREATE EXTENSION outbox;

-- a schema with the squatter's objects in it, whoever owns the schema
ALTER SCHEMA outbox OWNER TO regress_outbox_admin;
CREATE EXTENSION outbox;
SET client_min_messages = error;
DROP OWNED BY regress_outbox_squatter;
SET client_min_messages = warning;
GRANT CREATE ON DATABASE regress_schema TO regress_outbox_squatter;

-- one object of any kind in the schema is enough
CREATE FUNCTION pg_temp.try(make text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE make;
    CREATE EXTENSION outbox;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ': ' || SQLERRM; -- and what was made is undone
END $$;
SELECT pg_temp.try(make) FROM (VALUES ('CREATE TABLE outbox.t ()'), ('CREATE TYPE outbox.mood AS ENUM ()'), ('CREATE DOMAIN outbox.d AS text'), ('CREATE VIEW outbox.v AS SELECT 1'),
    ('CREATE SEQUENCE outbox.s'), ('CREATE FUNCTION outbox.f() RETURNS int LANGUAGE sql AS ''SELECT 1'''), ('CREATE AGGREGATE outbox.a(int) (SFUNC = int4pl, STYPE = int)'),
    ('CREATE OPERATOR outbox.## (RIGHTARG = int, FUNCTION = int4abs)'), ('CREATE COLLATION outbox.c (LOCALE = ''C'')'), ('CREATE TEXT SEARCH CONFIGURATION outbox.c (COPY = simple)'),
    ('CREATE CONVERSION outbox.c FOR ''LATIN1'' TO ''UTF8'' FROM iso8859_1_to_utf8'), ('CREATE OPERATOR FAMILY outbox.o USING btree')) AS given(make);

-- a schema in which others may create objects
SELECT pg_temp.try('GRANT CREATE ON SCHEMA outbox TO regress_outbox_squatter');
SELECT pg_temp.try('GRANT ALL ON SCHEMA outbox TO PUBLIC');
SELECT pg_temp.try('ALTER SCHEMA outbox OWNER TO regress_outbox_squatter');

-- an empty schema of another superuser, as a restored dump has it, is accepted
GRANT USAGE ON SCHEMA outbox TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA outbox GRANT EXECUTE ON FUNCTIONS TO regress_outbox_admin;
CREATE EXTENSION outbox;
SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'outbox';
DROP EXTENSION outbox;

-- ALTER EXTENSION UPDATE refuses the same
CREATE EXTENSION outbox VERSION '1.0';
ALTER SCHEMA outbox OWNER TO regress_outbox_squatter;
ALTER EXTENSION outbox UPDATE;
ALTER SCHEMA outbox OWNER TO regress_outbox_admin;
GRANT CREATE ON SCHEMA outbox TO regress_outbox_squatter;
ALTER EXTENSION outbox UPDATE;
SET ROLE regress_outbox_squatter;
CREATE FUNCTION outbox.emit(text, int, text) RETURNS uuid LANGUAGE sql AS $$ SELECT gen_random_uuid() $$;
RESET ROLE;
REVOKE CREATE ON SCHEMA outbox FROM regress_outbox_squatter;
ALTER EXTENSION outbox UPDATE;
DROP FUNCTION outbox.emit(text, int, text);
ALTER EXTENSION outbox UPDATE;
SELECT extversion FROM pg_extension WHERE extname = 'outbox';

\c :here
DROP DATABASE regress_schema;
DROP ROLE regress_outbox_admin;
DROP ROLE regress_outbox_squatter;
