-- Headers are a JSON object whose values are strings. The relay's own names, id and type, are not for others.
\set slot regress_headers
\i sql/include/helpers.sql

SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"a": "1", "b": ""}');
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"": "no name", "ID": "x", "Type": "x", "idx": "x"}');
SELECT FROM outbox.emit('t', 'k', '{}', NULL, '{"quote\"": "back\\slash", "line\n": "\u0001"}');
SELECT FROM outbox.emit('t', 'k', NULL, NULL, '{"on": "a tombstone"}');
SELECT pg_temp.events();

-- not an object
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('null'), ('"a"'), ('1'), ('[]'), ('["a"]'), ('[{"a": "b"}]')) AS given(headers);

-- not of strings
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('{"a": null}'), ('{"a": 1}'), ('{"a": true}'), ('{"a": {}}'), ('{"a": {"b": "c"}}'), ('{"a": []}'), ('{"a": "b", "c": ["d"]}')) AS given(headers);

-- a reserved name, also when the JSON spells it otherwise
SELECT pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', ''{}'', NULL, %L)', headers))
FROM (VALUES ('{"id": "x"}'), ('{"type": "x"}'), ('{"a": "b", "\u0069d": "x"}')) AS given(headers);

-- nothing of all this was written
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_headers');
