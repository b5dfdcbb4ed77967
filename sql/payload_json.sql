-- A JSON payload loses its white space and nothing else: numbers keep their digits, objects the order and the repetition of their
-- members, strings their characters. emit refuses text that is no JSON, and says at which byte.
\set slot regress_payload_json
\i sql/include/helpers.sql
CREATE FUNCTION pg_temp.payloads() RETURNS SETOF text LANGUAGE sql AS $$ SELECT substring(events FROM '"payload":(.*)}$') FROM pg_temp.events() AS events $$;

-- white space between tokens is dropped, white space in strings is kept
SELECT FROM outbox.emit('t', 'k', E' {\t"a b" :\r\n [ 1 , 2,  { } , [ ] ] ,"c": " d  e " } ');
SELECT pg_temp.payloads();

-- numbers: sign, zeros, exponents, digits beyond any machine number
SELECT FROM outbox.emit('t', 'k', '[0, -0, -0.0, 1.0, 1.50, 100, 1e5, 1E5, 1e+5, 1E-05, 0e0, 0.1e-7]');
SELECT FROM outbox.emit('t', 'k', '[9223372036854775807, 9223372036854775808, 18446744073709551616, 123456789012345678901234567890, 0.1234567890123456789012345678901234567890]');
SELECT FROM outbox.emit('t', 'k', '[1e400, -1e400, 1e-400, 1.7976931348623157e309, 1e99999999999999999999, 1e-99999999999999999999, {"n":1E+999 }, "1e400 ", 2]');
SELECT FROM outbox.emit('t', 'k', ' 1e400 ');
SELECT pg_temp.payloads();
SELECT repeat('1234567890', 40) AS digits \gset
SELECT FROM outbox.emit('t', 'k', :'digits');
SELECT FROM outbox.emit('t', 'k', '[ ' || :'digits' || ' , -0.' || :'digits' || ' ]');
SELECT payload = :'digits', payload = '[' || :'digits' || ',-0.' || :'digits' || ']' FROM pg_temp.payloads() AS payload;

-- order and duplicates of members are kept; jsonb itself keeps neither
SELECT FROM outbox.emit('t', 'k', '{"z": 1, "a": 2, "z": {"b": 1, "a": 2}, "": 3}');
SELECT FROM outbox.emit('t', 'k', '{"z": 1, "a": 2, "z": 3, "n": 1.50, "e": 1e40}'::jsonb);
SELECT pg_temp.payloads();

-- escapes get their shortest form; the characters stay the same
SELECT FROM outbox.emit('t', 'k', '["\"\\\/\b\f\n\r\t", "\u0041\u007a", "\u0000\u0001\u001f", "\u0022\u005C\u002f"]');
SELECT pg_temp.payloads();
SELECT FROM outbox.emit('t', 'k', '["\u00e4 \u20AC \ud83d\ude00 \uDBFF\uDFFF \ud7ff \ue000 \uffff \u007f"]');
SELECT FROM outbox.emit('t', 'k', U&'["\00e4 \20AC \+01F600 \+10FFFF \D7FF \E000 \FFFF \007F"]');
SELECT payload = U&'["\00e4 \20AC \+01F600 \+10FFFF \D7FF \E000 \FFFF \007F"]' FROM pg_temp.payloads() AS payload;

-- scalars
SELECT FROM (VALUES (' null '), ('true'), ('false'), (' "" '), (' 0 '), ('{}'), ('[ ]')) AS given(json), LATERAL outbox.emit('t', 'k', json);
SELECT pg_temp.payloads();

-- text that is no JSON: the offset counts bytes from 0
SELECT encode(convert_to(json, 'UTF8'), 'escape'), pg_temp.refusal(format('SELECT outbox.emit(''t'', ''k'', %L)', json)) FROM (VALUES
    (''), ('  '), ('{'), ('}'), ('{"a"}'), ('{"a":}'), ('{"a":1'), ('{"a":1,}'), ('{a:1}'), ('{''a'':1}'), ('{1:1}'), ('{"a":1}}'), ('{} {}'),
    ('['), ('[1,]'), ('[,1]'), ('[1 2]'), ('[1'), ('[}'), ('nul'), ('nulll'), ('NULL'), ('True'), ('NaN'), ('Infinity'), ('-Infinity'), ('undefined'),
    ('01'), ('-'), ('+1'), ('.5'), ('1.'), ('1e'), ('1e+'), ('0x10'), ('1_000'), ('--1'), ('1-2'), ('[1e400, 01]'), ('[1e400, -]'), ('[1e400 1]'),
    ('"'), ('"a'), ('"\"'), ('"\x"'), ('"\u12"'), ('"\u123g"'), (E'"\t"'), (E'"\n"'), (E'"\x01"'),
    ('"\ud800"'), ('"\ud800x"'), ('"\ud800\n"'), ('"\ud800\u0041"'), ('"\ud800\ud800"'), ('"a\udc00"'), ('["\\", "\uDFFF"]'), ('{"\udc00": 1}'), ('[1e400, "\udead"]'),
    ('// comment'), ('/* comment */ 1'), ('[1] // comment')) AS given(json);
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', E''["\u00e9", \uFEFF1]'')');

-- a json value can hold what is no JSON to emit: half of a surrogate pair
SELECT pg_temp.refusal('SELECT outbox.emit(''t'', ''k'', ''["\udc00"]''::json)');

-- none of the refused events was written
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_payload_json');
