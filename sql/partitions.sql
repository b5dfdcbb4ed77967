-- A trigger on a partitioned table emits the row of the partition that it is written to, whose columns may have another order.
\set slot regress_partitions
\i sql/include/helpers.sql
CREATE TABLE regress_parted (id int, part int) PARTITION BY LIST (part);
CREATE TABLE regress_parted_1 PARTITION OF regress_parted FOR VALUES IN (1);
CREATE TABLE regress_parted_2 (part int, gone int, id int);
ALTER TABLE regress_parted_2 DROP COLUMN gone;
ALTER TABLE regress_parted ATTACH PARTITION regress_parted_2 FOR VALUES IN (2);
CREATE FUNCTION pg_temp.on_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit(TG_TABLE_NAME, coalesce(NEW.id, OLD.id), NEW, lower(TG_OP COLLATE "C"));
    RETURN NULL;
END $$;
CREATE TRIGGER on_row AFTER INSERT OR UPDATE OR DELETE ON regress_parted FOR EACH ROW EXECUTE FUNCTION pg_temp.on_row();

-- rows that are written to the parent, and a row that is written to the partition itself
INSERT INTO regress_parted VALUES (1, 1), (2, 2);
INSERT INTO regress_parted_2 (id, part) VALUES (3, 2);
UPDATE regress_parted SET id = 4 WHERE id = 3;
SELECT pg_temp.events();

-- a row that moves to another partition is deleted from the one and inserted into the other
UPDATE regress_parted SET part = 2 WHERE id = 1;
DELETE FROM regress_parted WHERE id = 1;
SELECT pg_temp.events();

-- a partition that is attached gets the trigger, one that is detached loses it
CREATE TABLE regress_parted_3 (id int, part int);
ALTER TABLE regress_parted ATTACH PARTITION regress_parted_3 DEFAULT;
ALTER TABLE regress_parted DETACH PARTITION regress_parted_2;
INSERT INTO regress_parted VALUES (5, 3);
INSERT INTO regress_parted_2 (id, part) VALUES (6, 2);
SELECT pg_temp.events();

DROP TABLE regress_parted, regress_parted_2;
SELECT 'dropped' FROM pg_drop_replication_slot('regress_partitions');
