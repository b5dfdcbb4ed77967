-- A rule emits beside the statement that it rewrites, or instead of the statement, for every row.
\set slot regress_rules
\i sql/include/helpers.sql
CREATE TEMP TABLE ruled (id int, item text);
CREATE RULE also AS ON INSERT TO ruled DO ALSO SELECT outbox.emit('also', NEW.id, NEW.item::jsonb) IS NULL AS no_id;
CREATE RULE update_also AS ON UPDATE TO ruled DO ALSO SELECT outbox.emit('update', NEW.id, to_jsonb(OLD.item || ' ' || NEW.item)) IS NULL AS no_id;
CREATE RULE instead AS ON DELETE TO ruled DO INSTEAD SELECT outbox.emit('instead', OLD.id, NULL) IS NULL AS no_id;

INSERT INTO ruled VALUES (1, '"one"'), (2, '"two"');
UPDATE ruled SET item = '2' WHERE id = 2;
DELETE FROM ruled;
SELECT pg_temp.events();
SELECT count(*) FROM ruled;

-- a rule on a view makes an outbox of it: INSERT emits
CREATE VIEW pg_temp.events_out AS SELECT NULL::text AS topic, NULL::text AS key, NULL::jsonb AS payload;
CREATE RULE emit AS ON INSERT TO pg_temp.events_out DO INSTEAD SELECT outbox.emit(NEW.topic, NEW.key, NEW.payload) IS NULL AS no_id;
INSERT INTO pg_temp.events_out VALUES ('view', 'a', '{"a": 1}'), ('view', 'b', NULL);
SELECT pg_temp.events();

SELECT 'dropped' FROM pg_drop_replication_slot('regress_rules');
