-- The consumer's half alone, for databases without the extension: hosted servers, or consumers that emit nothing. Once for each database:
--
--     psql -d consumer -v ON_ERROR_STOP=1 -1 -f inbox.sql
--
-- Then GRANT USAGE ON SCHEMA outbox, and EXECUTE ON FUNCTION outbox.first_time(text, uuid), to the consumer's role. PostgreSQL 14 or newer; a role
-- that may create a schema is enough. The extension and the hosted form bring these objects themselves. The text below stands in the extension's
-- script as well: that script is the text of a released version. sql/inbox.sql fails while the two differ.
CREATE SCHEMA IF NOT EXISTS outbox;

-- ---- the consumer's half ------------------------------------------------------------------------------------------------------------------------

-- The ids that a consumer has seen, so that an event that comes twice counts once. Ids of events are UUIDs of version 7, which begin with their time:
-- eight partitions of a week each take turns, so that an old one can be emptied by TRUNCATE. Other ids have a partition of their own.
CREATE TABLE outbox.seen (
    week smallint NOT NULL,
    consumer text NOT NULL,
    id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (week, consumer, id)
) PARTITION BY LIST (week);
CREATE TABLE outbox.seen_0 PARTITION OF outbox.seen FOR VALUES IN (0);
CREATE TABLE outbox.seen_1 PARTITION OF outbox.seen FOR VALUES IN (1);
CREATE TABLE outbox.seen_2 PARTITION OF outbox.seen FOR VALUES IN (2);
CREATE TABLE outbox.seen_3 PARTITION OF outbox.seen FOR VALUES IN (3);
CREATE TABLE outbox.seen_4 PARTITION OF outbox.seen FOR VALUES IN (4);
CREATE TABLE outbox.seen_5 PARTITION OF outbox.seen FOR VALUES IN (5);
CREATE TABLE outbox.seen_6 PARTITION OF outbox.seen FOR VALUES IN (6);
CREATE TABLE outbox.seen_7 PARTITION OF outbox.seen FOR VALUES IN (7);
CREATE TABLE outbox.seen_other PARTITION OF outbox.seen FOR VALUES IN (-1);

CREATE FUNCTION outbox.week_of(id uuid) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN substr(id::text, 15, 1) = '7'
        THEN (('x' || substr(id::text, 1, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 604800000 % 8)::smallint ELSE -1::smallint END
    $$;

-- A second delivery waits for the transaction of the first: where the first transaction commits, the answer is false, otherwise true.
CREATE FUNCTION outbox.first_time(consumer text, id uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF consumer IS NULL OR id IS NULL THEN
        RAISE EXCEPTION 'consumer and id must not be null' USING ERRCODE = 'null_value_not_allowed', HINT = 'The id is the header "id" of the record.';
    ELSIF octet_length(consumer) > 1000 THEN
        RAISE EXCEPTION 'the consumer''s name has more than 1000 bytes' USING ERRCODE = 'name_too_long', HINT = 'Give the name of the program or its group.';
    END IF;
    INSERT INTO outbox.seen (week, consumer, id) VALUES (outbox.week_of(id), consumer, id) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- A week's partition is emptied at once when no row in the partition is younger. The rows of other ids, and those of a week that has begun a second
-- turn, are deleted one by one. A partition that a transaction is using is left for the next call.
CREATE FUNCTION outbox.forget(older_than interval) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest timestamptz := clock_timestamp() - least(older_than, interval '1000 years');
    week_table regclass;
    is_used boolean;
BEGIN
    IF older_than IS NULL OR older_than < interval '0' THEN
        RAISE EXCEPTION 'the interval must not be null or negative' USING ERRCODE = 'invalid_parameter_value', HINT = 'For example: SELECT outbox.forget(interval ''30 days'').';
    ELSIF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'outbox.forget() needs the isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported',
            HINT = 'An older snapshot does not see which ids have been added meanwhile.';
    END IF;
    FOR week_table IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'outbox.seen'::regclass AND inhrelid <> 'outbox.seen_other'::regclass ORDER BY 1 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', week_table);
        EXCEPTION WHEN lock_not_available THEN
            CONTINUE;
        END;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE seen_at >= $1)', week_table) INTO is_used USING oldest;
        IF is_used THEN
            EXECUTE format('DELETE FROM %s WHERE seen_at < $1', week_table) USING oldest - interval '7 days';
        ELSE
            EXECUTE format('TRUNCATE %s', week_table);
        END IF;
    END LOOP;
    DELETE FROM outbox.seen_other WHERE seen_at < oldest;
END $$;

COMMENT ON TABLE outbox.seen IS 'the ids that consumers have seen: outbox.first_time()';
COMMENT ON FUNCTION outbox.week_of(uuid) IS 'the partition of outbox.seen that an id belongs to';
COMMENT ON FUNCTION outbox.first_time(text, uuid) IS 'true when this consumer sees this id for the first time, if the transaction commits';
COMMENT ON FUNCTION outbox.forget(interval) IS 'forget ids that were seen before this interval';

REVOKE ALL ON FUNCTION outbox.week_of(uuid), outbox.first_time(text, uuid), outbox.forget(interval) FROM PUBLIC;
