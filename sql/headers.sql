-- Headers are a JSON object whose values are strings. The names id and type are the relay's own and reserved.
\set slot regress_headers
\i sql/include/helpers.sql

SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"a": "1", "b": ""}');
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"": "no name", "ID": "x", "Type": "x", "idx": "x"}');
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"quote\"": "back\\slash", "line\n": "\u0001"}');
SELECT FROM outbox.emit('t', 'k', NULL, NULL, '{"on": "a tombstone"}');
SELECT pg_temp.events();

-- headers that are no object
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('null'), ('"a"'), ('1'), ('[]'), ('["a"]'), ('[{"a": "b"}]')) AS given(headers);

-- headers whose values are no strings
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('{"a": null}'), ('{"a": 1}'), ('{"a": true}'), ('{"a": {}}'), ('{"a": {"b": "c"}}'), ('{"a": []}'), ('{"a": "b", "c": ["d"]}')) AS given(headers);

-- reserved names, also where the JSON writes them with escapes
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('{"id": "x"}'), ('{"type": "x"}'), ('{"a": "b", "\u0069d": "x"}')) AS given(headers);

-- headers of bytes
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"__value_schema_id": {"base64": "AQID"}, "a": "b", "z": {"base64": ""}}');
SELECT pg_temp.events();
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, ''{"a": %s}'')', value))
FROM (VALUES ('{"base64": "A"}'), ('{"base64": "AQI"}'), ('{"base64": "AR=="}'), ('{"base64": "AQ\nID"}'), ('{"base64": "AQ__"}'), ('{"base64": null}'), ('{"base64": {}}'),
    ('{"base64": "AQID", "more": ""}'), ('{"Base64": "AQID"}'), ('["AQID"]')) AS given(value);

-- headers as text: they keep their order, and the rules above hold
CREATE FUNCTION pg_temp.as_text(headers text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L::varchar)', headers)) $$;
SELECT FROM outbox.emit('t', 'k', '{}', NULL, ' { "longer" : "1" , "b" : "" } '::text);
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"": "no name", "ID": "x", "Type": "x", "idx": "x"}'::json);
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"quote\"": "back\\slash", "line\n": "\u0001\u0041\/\\u0000", "a\\": "\\"}'::varchar);
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"\u00e4": "\u20ac", "a": "\ud83d\ude00"}'::char(100));
SELECT FROM outbox.emit('t', 'k', '{}', NULL, ' { } '::varchar);
SELECT FROM outbox.emit('t', 'k', '{}', NULL, NULL::varchar);
SELECT pg_temp.events();
SELECT pg_temp.as_text(headers) FROM (VALUES ('null'), ('"a"'), ('1'), ('[]'), ('["a"]'), ('[{"a": "b"}]')) AS given(headers);
SELECT pg_temp.as_text(headers)
FROM (VALUES ('{"a": null}'), ('{"a": 1}'), ('{"a": -1}'), ('{"a": true}'), ('{"a": false}'), ('{"a": {}}'), ('{"a": {"b": "c"}}'), ('{"a": []}'), ('{"a": "b", "c": ["d"], "e": 1}')) AS given(headers);
SELECT pg_temp.as_text(headers) FROM (VALUES ('{"id": "x"}'), ('{"type": "x"}'), ('{"a": "b", "\u0069d": "x"}')) AS given(headers);
SELECT pg_temp.as_text(headers)
FROM (VALUES (''), ('{'), ('{"a"}'), ('{"a": "b"'), ('{"a": "b",}'), ('{"a": "b"} x'), ('{"a": "\ud800"}'), ('{"a": "\x"}'), (repeat('[', 1000))) AS given(headers);
SELECT pg_temp.as_text(headers) FROM (VALUES ('{"a": "\u0000"}'), ('{"\u0000": ""}'), ('{"a": "1", "b": "2", "\u0061": "3"}')) AS given(headers);
SELECT count, pg_temp.as_text((SELECT json_object_agg('h' || n, '')::text FROM generate_series(1, count) AS n)) FROM (VALUES (1000), (1001)) AS given(count);
SELECT length(events) FROM pg_temp.events() AS events;

SELECT FROM outbox.emit('t', 'k', '{}', NULL, ' { "z" : { "base\u00364" : "+\/8=" } , "a" : "b" } '::varchar);
SELECT pg_temp.events();
SELECT pg_temp.as_text(format('{"a": %s}', value))
FROM (VALUES ('{"base64": "A"}'), ('{"base64": "AQI"}'), ('{"base64": "AR=="}'), ('{"base64": "AQ\nID"}'), ('{"base64": "AQ__"}'), ('{"base64": null}'), ('{"base64": {}}'),
    ('{"base64": "AQID", "more": ""}'), ('{"Base64": "AQID"}'), ('["AQID"]')) AS given(value);
SET outbox.headers = '{"a": {"base64": "AP8="}, "c": {"base64": "AP8="}}';
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"a": {"base64": "AQID"}, "b": ""}');
SELECT pg_temp.events();
RESET outbox.headers;
SELECT pg_temp.refusal(format('SET outbox.headers = %L', '{"a": {"base64": "AP8"}}'));

-- headers in the place of the type
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', ''{"a": "b"}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', ''{ }'', ''{"a": "b"}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', E'' \n{"a": "b"}'')');
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''{}'', ''{curly}'')');
SELECT pg_temp.events();

-- none of the refused events was written
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_headers');
