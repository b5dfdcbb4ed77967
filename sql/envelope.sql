-- The envelope is one line of JSON. Its members come in this order; a member is left out where there is nothing to say.
\set slot regress_envelope
\i sql/include/helpers.sql

-- an envelope with every member
SELECT FROM outbox.emit('orders', 42, '{"item": "Macbook"}', 'order.created', '{"traceparent": "00-4bf9"}');
SELECT pg_temp.events();

-- envelopes without key, type, headers or payload
SELECT FROM outbox.emit('orders', NULL, '{}');
SELECT FROM outbox.emit('orders', 'k', '{}', NULL, NULL);
SELECT FROM outbox.emit('orders', 'k', '{}', '', '{}');
SELECT FROM outbox.emit('orders', 'k', NULL);
SELECT pg_temp.events();

-- an empty key is a key
SELECT FROM outbox.emit('orders', '', '{}');
SELECT pg_temp.events();

-- key and type are text: quotes, backslashes and control characters are escaped, nothing else is
SELECT FROM outbox.emit('orders', E'"\\/\b\f\n\r\t\x01\x1f\x7f', '{}', E'a"b\\c\nd');
SELECT FROM outbox.emit('orders', E'\u00e9\u20ac\U0001F600', '{}');
SELECT encode(convert_to(pg_temp.events(), 'UTF8'), 'escape');

-- every line is JSON, and its id is what emit returned
SELECT outbox.emit('orders', 1, '{}') AS id \gset
SELECT data::json ->> 'id' = :'id' FROM pg_logical_slot_get_changes('regress_envelope', NULL, NULL) WHERE data LIKE '%topic%';

SELECT 'dropped' FROM pg_drop_replication_slot('regress_envelope');
