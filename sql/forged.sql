-- Whoever may connect may write messages with the prefix "outbox". The plugin rejects each one that emit would not write, and the slot goes on.
-- The guard alone: test/unit/guard_test.cpp.
\set slot regress_forged
\i sql/include/helpers.sql
-- For each message the reason why the plugin rejects it, or the line that it delivers.
CREATE FUNCTION pg_temp.verdicts() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT CASE WHEN data ~ '^{"rejected":"[0-9A-F]+/[0-9A-F]+","reason":"[^"]*"}$' THEN data::json ->> 'reason' ELSE 'delivered: ' || data END
    FROM pg_logical_slot_get_changes('regress_forged', NULL, NULL) WHERE data !~ '^{"(begin|commit)":' $$;
CREATE TEMP TABLE messages (n int GENERATED ALWAYS AS IDENTITY, message text);
CREATE PROCEDURE pg_temp.send_all() LANGUAGE plpgsql AS $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT message FROM messages ORDER BY n LOOP
        PERFORM pg_logical_emit_message(true, 'outbox', each.message);
    END LOOP;
END $$;

-- envelopes in every shape that emit writes are delivered
INSERT INTO messages (message) VALUES
    ('{"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000"}'),
    ('{"topic":"t","key":"","id":"01930000-0000-7000-8000-000000000000","payload":null}'),
    ('{"topic":"t","id":"01930000-0000-7000-8000-000000000000","payload":42}'),
    ('{"topic":"t","id":"01930000-0000-7000-8000-000000000000","payload_base64":""}'),
    ('{"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","payload_base64":"YWI="}'),
    ('{"topic":"t","key":"\"\\\b\f\n\r\t\u0001\u001F","id":"01930000-0000-7000-8000-000000000000","headers":{"":"","a":"b"},"payload":{"a":[{}]}}'),
    ('{"topic":"t","key":"\u000b\u000e\u000f\u0005\u001f","id":"01930000-0000-7000-8000-000000000000","payload":"\u0000\u001f\u001F"}'),
    ('{"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","headers":{"a":"b"},"payload":"}"}'),
    ('{"topic":"t","key":"k","id":"01930000-0000-7000-8000-000000000000","type":"y","headers":{"a":"b"}}');
CALL pg_temp.send_all();
SELECT pg_temp.verdicts();

-- the same envelopes, cut off after any byte, are rejected
SELECT sum(length(message)) AS prefixes FROM messages;
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT message FROM messages ORDER BY n LOOP
        FOR size IN 0 .. length(each.message) - 1 LOOP
            PERFORM pg_logical_emit_message(true, 'outbox', left(each.message, size));
        END LOOP;
    END LOOP;
END $$;
SELECT verdict, count(*) FROM pg_temp.verdicts() AS verdict GROUP BY verdict ORDER BY verdict COLLATE "C";

-- the same envelopes with a byte deleted or replaced, at every place: each is rejected, or delivered as one line of JSON
DO $$
DECLARE
    each record;
    bytes bytea;
    other text;
BEGIN
    FOR each IN SELECT message FROM messages ORDER BY n LOOP
        bytes := convert_to(each.message, 'UTF8');
        FOR at IN 0 .. length(bytes) - 1 LOOP
            PERFORM pg_logical_emit_message(true, 'outbox', substr(bytes, 1, at) || substr(bytes, at + 2));
            FOREACH other IN ARRAY ARRAY['00', '0a', '0d', '20', '22', '2c', '5c', '7b', '7d', '80', 'c3', 'ff'] LOOP
                PERFORM pg_logical_emit_message(true, 'outbox', substr(bytes, 1, at) || decode(other, 'hex') || substr(bytes, at + 2));
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT count(*) AS lines, count(*) = (SELECT 13 * sum(length(message)) + 2 FROM messages) AS each_has_one, bool_or(data ~ '[\n\r]') AS broken,
    bool_and(json_typeof(data::json) = 'object') AS json, count(*) FILTER (WHERE data LIKE '{"topic"%') AS delivered
FROM pg_logical_slot_get_changes('regress_forged', NULL, NULL);

-- messages that are not even nearly envelopes
TRUNCATE messages;
INSERT INTO messages (message) VALUES (''), (' '), ('x'), ('null'), ('{}'), ('[]'), ('{'), ('"'), ('{"begin":"0/1","xid":1,"ts":""}'), ('{"commit":"0/1","events":1}'), (repeat('{', 100000)), (E'\x01');
CALL pg_temp.send_all();
SELECT pg_temp.verdicts();

-- envelopes with one member wrong
TRUNCATE messages;
CREATE FUNCTION pg_temp.forge(topic text DEFAULT '"t"', key text DEFAULT '"k"', id text DEFAULT '"01930000-0000-7000-8000-000000000000"', rest text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT concat('{"topic":', topic, ',"key":', key, ',"id":', id, rest, '}') $$;
INSERT INTO messages (message)
    SELECT pg_temp.forge(topic => topic) FROM (VALUES ('""'), ('"."'), ('".."'), ('"a b"'), ('"a\u0062"'), ('"a\"'), ('1'), ('null'), ('"' || repeat('t', 250) || '"'), ('"t","topic":"u"')) AS given(topic);
CALL pg_temp.send_all();
SELECT pg_temp.verdicts();
TRUNCATE messages;
INSERT INTO messages (message)
    SELECT pg_temp.forge(key => key) FROM (VALUES ('1'), ('null'), ('k'), ('"\'), ('"\x"'), ('"\u00"'), ('"\u00zz"'), ('"\u0041"'), ('"\/"'), ('"\u0000"'), ('"\u0008"'), ('"\u0009"'), ('"\u000a"'), ('"\u000C"'), ('"\u000d"'), ('"\u0022"'), ('"\u001f\u001F"'), ('"\ud800"'), ('"\udc00"'), ('"\ud83d\ude00"'), (E'"\x01"'), (E'"\t"'), ('"k","key":"l"')) AS given(key);
CALL pg_temp.send_all();
SELECT pg_temp.verdicts();
TRUNCATE messages;
INSERT INTO messages (message)
    SELECT pg_temp.forge(id => id) FROM (VALUES ('""'), ('null'), ('"01930000-0000-7000-8000-00000000000"'), ('"01930000-0000-7000-8000-0000000000000"'), ('"01930000-0000-7000-8000-00000000000g"'), ('"01930000-0000-7000-8000-00000000000A"'), ('"01930000000070008000000000000000----"')) AS given(id);
INSERT INTO messages (message) VALUES ('{"topic":"t","key":"k"}'), ('{"topic":"t","id":"01930000-0000-7000-8000-000000000000"}');
CALL pg_temp.send_all();
SELECT pg_temp.verdicts();
TRUNCATE messages;
INSERT INTO messages (message)
    SELECT pg_temp.forge(rest => rest) FROM (VALUES (',"type":1'), (',"type":null'), (',"type":"\ud800"'), (',"headers":null'), (',"headers":{}'), (',"headers":{"a"}'), (',"headers":{"a":1}'), (',"headers":{"a":"b",}'), (',"headers":{"a":{"b":"c"}}'), (',"headers":{"a":"b"'), (',"headers":{"a":"b","a":"c"}'), (',"headers":{"b":"","a":"b","":"","a":"b"}'), (',"headers":{"a": "b"}'),
    (',"headers":{"id":"x"}'), (',"headers":{"a":"b","type":"x"}'), (',"headers":{"\u0069d":"x"}'), (',"headers":{"i\u0064":"x"}'), (',"headers":{"typ\u0065":"x"}'),
    (',"payload":'), (',"payload":{'), (',"payload":1 2'), (',"payload":01'), (',"payload":NaN'), (',"payload":"\ud800"'), (',"payload":"\udc00"'), (',"payload": 1'), (',"payload":1 '), (E',"payload":{\r"a":1}'), (',"payload":[1, 2]'), (',"payload":"\u0041"'), (',"payload":"\/"'), (',"payload":"\u000a"'), (',"payload":"\u007f"'), (',"payload":1,"payload":2'), (',"payload":1,"more":2'), (',"payload":' || repeat('[', 513) || repeat(']', 513)), (',"payload":' || repeat('[', 100000)),
    (',"payload_base64":1'), (',"payload_base64":"YWJ="'), (',"payload_base64":"YR=="'), (',"payload_base64":"a"'), (',"payload_base64":"ab="'), (',"payload_base64":"a==="'), (',"payload_base64":"===="'), (',"payload_base64":"ab=c"'), (',"payload_base64":"ab-_"'), (',"payload_base64":"\u0061bcd"'), (',"payload_base64":"abcd","payload":1'),
    (',"more":1'), (', "type":"y"'), (',"headers":{"a":"b"},"type":"y"'), (' '), ('}')) AS given(rest);
CALL pg_temp.send_all();
SELECT message, verdict FROM (SELECT n, left(substr(message, 67), 60) AS message, row_number() OVER (ORDER BY n) AS at FROM messages) AS m JOIN pg_temp.verdicts() WITH ORDINALITY AS v(verdict, at) USING (at) ORDER BY n;

-- messages that are no text: not UTF-8, with NUL, of several lines
DO $$
DECLARE
    bytes bytea;
BEGIN
    FOREACH bytes IN ARRAY ARRAY['\x00', '\xff', '\x80', '\xc3', '\xc080', '\xeda080', '\xf4908080', '\x0a', '\x0d0a']::bytea[] LOOP
        PERFORM pg_logical_emit_message(true, 'outbox', bytes);
        PERFORM pg_logical_emit_message(true, 'outbox', convert_to(pg_temp.forge(), 'UTF8') || bytes);
        PERFORM pg_logical_emit_message(true, 'outbox', convert_to('{"topic":"t","key":"', 'UTF8') || bytes || convert_to('","id":"01930000-0000-7000-8000-000000000000"}', 'UTF8'));
        PERFORM pg_logical_emit_message(true, 'outbox', convert_to(left(pg_temp.forge(rest => ',"payload":"'), -1), 'UTF8') || bytes || convert_to('"}', 'UTF8'));
    END LOOP;
END $$;
SELECT pg_temp.verdicts();

-- a message of 64 MB, as large as emit writes, is delivered; one of a byte more and one of 100 MB are rejected
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', pg_temp.forge(rest => ',"payload":"' || repeat('x', 67108864 - length(pg_temp.forge(rest => ',"payload":""'))) || '"'));
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', pg_temp.forge(rest => ',"payload":"' || repeat('x', 67108865 - length(pg_temp.forge(rest => ',"payload":""'))) || '"'));
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', repeat('x', 100 * 1024 * 1024));
SELECT left(verdict, 80), length(verdict) FROM pg_temp.verdicts() AS verdict;

-- a thousand headers are delivered, one more is rejected, however short they are
SELECT 'sent' FROM (VALUES (1000), (1001)) AS given(count), LATERAL (SELECT string_agg(format('"%s":""', n), ',') FROM generate_series(1, count) AS n) AS named(headers),
    pg_logical_emit_message(true, 'outbox', pg_temp.forge(rest => ',"headers":{' || headers || '}'));
SELECT left(verdict, 80), length(verdict) FROM pg_temp.verdicts() AS verdict;

-- a head of 900 kB, which a dead-letter topic takes, is delivered; one of a byte more is rejected
CREATE FUNCTION pg_temp.sized(size int, part text) RETURNS text LANGUAGE sql AS $$
    SELECT format('{"topic":"t","key":"%s","id":"01930000-0000-7000-8000-000000000000","type":"%s","headers":{"a":"%s"},"payload":1}',
        CASE WHEN part = 'key' THEN repeat('x', size) END, CASE WHEN part = 'type' THEN repeat('x', size) END, CASE WHEN part = 'headers' THEN repeat('x', size) END) $$;
SELECT 'sent' FROM (VALUES ('key'), ('type'), ('headers')) AS given(part), (VALUES (0), (1)) AS too(many),
    pg_logical_emit_message(true, 'outbox', pg_temp.sized(900 * 1024 + many - length(pg_temp.sized(0, part)) + length(',"payload":1}'), part));
SELECT left(verdict, 50), length(verdict) FROM pg_temp.verdicts() AS verdict;

-- the slot goes on: the commit line of a transaction with true and forged events counts the true ones
BEGIN;
SELECT FROM outbox.emit('t', 'true', '{}');
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', 'forged');
SELECT FROM outbox.emit('t', 'true', '{}');
COMMIT;
SELECT regexp_replace(regexp_replace(data, '"id":"[^"]*"', '"id":"*"'), '"(begin|commit|rejected)":.*?(,"(events|reason)".*)?}$', '"\1":"*"\2}') FROM pg_logical_slot_get_changes('regress_forged', NULL, NULL);
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', 'only forged');
SELECT regexp_replace(data, '"(begin|commit|rejected)":.*?(,"(events|reason)".*)?}$', '"\1":"*"\2}') FROM pg_logical_slot_get_changes('regress_forged', NULL, NULL);

-- the option topics does not hide rejected messages
SELECT 'sent' FROM pg_logical_emit_message(true, 'outbox', 'forged');
SELECT count(*) FROM pg_logical_slot_get_changes('regress_forged', NULL, NULL, 'topics', 'none') WHERE data LIKE '{"rejected"%';

SELECT 'dropped' FROM pg_drop_replication_slot('regress_forged');
