-- A row as payload becomes the same JSON under all settings of the session, and emit leaves these settings as they were.
\set slot regress_rows
\i sql/include/helpers.sql
CREATE TYPE pg_temp.mood AS ENUM ('so-so "quoted"');
CREATE TYPE pg_temp.pair AS (at timestamptz, length interval);
CREATE DOMAIN pg_temp.price AS numeric(10, 2);
CREATE TABLE public."Regress rows" (
    smallint smallint, int int, bigint bigint, numeric numeric, price pg_temp.price, real real, double float8, money money, boolean boolean,
    text text, varchar varchar(10), char char(5), name name, internal_char "char", bytea bytea, uuid uuid, bit bit(4), varbit varbit,
    date date, time time, timetz timetz, timestamp timestamp, timestamptz timestamptz, interval interval,
    json json, jsonb jsonb, mood pg_temp.mood, pair pg_temp.pair, ints int[], times timestamptz[], pairs pg_temp.pair[], nested bytea[][],
    range tstzrange, dates daterange, ranges tstzmultirange, inet inet, cidr cidr, macaddr macaddr, point point, box box, tsvector tsvector, tsquery tsquery,
    oid oid, class regclass, procedure regprocedure, type regtype, role regrole, lsn pg_lsn, xid xid, tid tid, path jsonpath);
INSERT INTO public."Regress rows" VALUES (
    -32768, -2147483648, -9223372036854775808, 12345678901234567890.1230, 1.5, 1.1, 1.0 / 3, 1234.5, true,
    E'a"\\\n', 'varchar', 'c', 'name', 'c', '\x00ff5c22', '01930000-0000-7000-8000-000000000000', '1010', '11',
    '2026-11-28', '09:42:00.123456', '09:42:00+09', '2026-11-28 09:42:00.5', '2026-11-28 09:42:00.123456+00', '1 year -2 days 03:04:05.678',
    '{ "a" : 1.50 }', '{"b": [1, null]}', 'so-so "quoted"', ('2026-11-28 00:00+00', '1 day'), '{1,NULL,3}', '{2026-11-28 00:00+00}', ARRAY[('2026-11-28 00:00+00', '-1 day')::pg_temp.pair], '{{"\\x00","\\xff"}}',
    '[2026-11-28 00:00+00,infinity)', '[2026-11-28,2026-11-30)', '{[2026-11-28 00:00+00,2026-11-29 00:00+00)}', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '(0.1,1e300)', '((0,0),(1,1))', 'a:1 ''b c'':2', 'a & !b',
    1, 'public."Regress rows"', 'lower(text)', 'public."Regress rows"', 'pg_monitor', 'A/B16B3748', '742', '(0,1)', '$."a"[*] ? (@ > 1)');
INSERT INTO public."Regress rows" (numeric, real, double, date, timestamp, timestamptz, range, jsonb) VALUES ('NaN', 'Infinity', '-Infinity', 'infinity', '-infinity', 'infinity', 'empty', 'null');
INSERT INTO public."Regress rows" DEFAULT VALUES;

CREATE PROCEDURE pg_temp.emit_all() LANGUAGE sql AS $$ SELECT outbox.emit('t', 'k', "Regress rows") FROM public."Regress rows" $$;
CREATE TEMP TABLE seen (session text, n bigint, event text);
CREATE FUNCTION pg_temp.settings() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
    WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'lc_monetary', 'search_path', 'quote_all_identifiers') $$;
CALL pg_temp.emit_all();
INSERT INTO seen SELECT 'as it comes', ordinality, events FROM pg_temp.events() WITH ORDINALITY AS events;
SELECT jsonb_pretty(event::jsonb -> 'payload') FROM seen WHERE n = 1;
SELECT jsonb_strip_nulls(event::jsonb -> 'payload') FROM seen WHERE n = 2;
SELECT event LIKE '%"jsonb":null,%' FROM seen WHERE n = 2;

-- every setting that decides the form of a value, one at a time and all together
CREATE PROCEDURE pg_temp.emit_with(VARIADIC settings text[]) LANGUAGE plpgsql AS $$
DECLARE
    before text;
BEGIN
    FOR i IN 1 .. array_length(settings, 1) BY 2 LOOP
        PERFORM set_config(settings[i], settings[i + 1], true);
    END LOOP;
    before := pg_temp.settings();
    CALL pg_temp.emit_all();
    IF pg_temp.settings() <> before THEN
        RAISE 'settings changed: % became %', before, pg_temp.settings();
    END IF;
    COMMIT;
    INSERT INTO seen SELECT settings::text, ordinality, events FROM pg_temp.events() WITH ORDINALITY AS events;
END $$;
CALL pg_temp.emit_with('timezone', 'Asia/Tokyo');
CALL pg_temp.emit_with('timezone', 'UTC');
CALL pg_temp.emit_with('timezone', 'Etc/UTC');
CALL pg_temp.emit_with('timezone', '<+03>-3');
CALL pg_temp.emit_with('datestyle', 'German, DMY');
CALL pg_temp.emit_with('datestyle', 'SQL, MDY');
CALL pg_temp.emit_with('datestyle', 'Postgres, YMD');
CALL pg_temp.emit_with('datestyle', 'ISO, DMY');
CALL pg_temp.emit_with('intervalstyle', 'iso_8601');
CALL pg_temp.emit_with('intervalstyle', 'postgres_verbose');
CALL pg_temp.emit_with('intervalstyle', 'sql_standard');
CALL pg_temp.emit_with('extra_float_digits', '-15');
CALL pg_temp.emit_with('extra_float_digits', '0');
CALL pg_temp.emit_with('extra_float_digits', '3');
CALL pg_temp.emit_with('bytea_output', 'escape');
CALL pg_temp.emit_with('lc_monetary', 'POSIX');
CALL pg_temp.emit_with('search_path', 'public, pg_temp');
CALL pg_temp.emit_with('search_path', '');
CALL pg_temp.emit_with('search_path', 'pg_temp, pg_catalog');
CALL pg_temp.emit_with('quote_all_identifiers', 'on');
CALL pg_temp.emit_with('array_nulls', 'off', 'client_encoding', 'LATIN1');
CALL pg_temp.emit_with('timezone', 'Asia/Tokyo', 'datestyle', 'German', 'intervalstyle', 'sql_standard', 'extra_float_digits', '-5', 'bytea_output', 'escape', 'quote_all_identifiers', 'on', 'search_path', 'public');
SELECT n, count(*), count(DISTINCT event) AS forms FROM seen GROUP BY n ORDER BY n;
SELECT session, event FROM seen AS s WHERE n = 1 AND event <> (SELECT event FROM seen WHERE session = 'as it comes' AND n = 1);

-- an error while the row is written leaves the settings as they were
CREATE TYPE pg_temp.breaks AS ENUM ('a');
CREATE FUNCTION pg_temp.to_json(pg_temp.breaks) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE division_by_zero; END $$;
CREATE CAST (pg_temp.breaks AS json) WITH FUNCTION pg_temp.to_json(pg_temp.breaks);
SET timezone = 'Asia/Tokyo';
SET bytea_output = escape;
BEGIN;
SELECT pg_temp.settings() AS before \gset
SAVEPOINT s;
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ROW(''a''::pg_temp.breaks))');
SELECT pg_temp.settings() = :'before';
\set VERBOSITY terse
SELECT FROM outbox.emit('t', 'k', ROW('a'::pg_temp.breaks));
\set VERBOSITY default
ROLLBACK TO s;
SELECT pg_temp.settings() = :'before';
COMMIT;

-- jsonb that the caller makes of a row has the form of the session's settings
SELECT FROM outbox.emit('t', 'caller', to_jsonb(ROW('\xff'::bytea)));
SELECT FROM outbox.emit('t', 'outbox', ROW('\xff'::bytea));
SELECT pg_temp.events();

-- A caller's own types in pg_temp do not come before the server's within a function of another role that emits a row.
CREATE ROLE regress_outbox_user;
CREATE TYPE public.regress_mood AS ENUM ('fine');
CREATE FUNCTION public.regress_json(public.regress_mood) RETURNS json LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN to_json($1::text); END $$;
CREATE CAST (public.regress_mood AS json) WITH FUNCTION public.regress_json(public.regress_mood);
CREATE TABLE public.regress_moods AS SELECT 'fine'::public.regress_mood AS mood;
CREATE FUNCTION public.regress_definer() RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT outbox.emit('t', 'definer', m) FROM public.regress_moods AS m $$;
SET ROLE regress_outbox_user;
CREATE TABLE pg_temp.ran (who pg_catalog.text);
GRANT ALL ON pg_temp.ran TO PUBLIC;
CREATE FUNCTION pg_temp.run(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO pg_temp.ran VALUES (current_user); RETURN true; END $$;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.run(VALUE));
SELECT FROM public.regress_definer();
SELECT count(*) AS "the caller's code ran" FROM pg_temp.ran;
RESET ROLE;
DROP DOMAIN pg_temp.text;
DROP FUNCTION public.regress_definer(), public.regress_json(public.regress_mood) CASCADE;
DROP TABLE public.regress_moods, pg_temp.ran;
DROP TYPE public.regress_mood;
DROP OWNED BY regress_outbox_user;
DROP ROLE regress_outbox_user;

DROP TABLE public."Regress rows";
SELECT 'dropped' FROM pg_drop_replication_slot('regress_rows');
