-- An event is part of its transaction: it is published if the transaction commits, and only then.
-- Needs max_prepared_transactions.
\set slot regress_transactions
\i sql/include/helpers.sql

-- commit and rollback
BEGIN;
SELECT FROM outbox.emit('t', 'committed', '{}');
COMMIT;
BEGIN;
SELECT FROM outbox.emit('t', 'rolled back', '{}');
ROLLBACK;
BEGIN;
SELECT FROM outbox.emit('t', 'failed', '{}');
\set VERBOSITY sqlstate
SELECT 1 / 0;
\set VERBOSITY default
COMMIT;
SELECT pg_temp.events();

-- savepoints within each other
BEGIN;
SELECT FROM outbox.emit('t', '1', '{}');
SAVEPOINT a;
SELECT FROM outbox.emit('t', '2 dropped', '{}');
SAVEPOINT b;
SELECT FROM outbox.emit('t', '3 dropped', '{}');
RELEASE b;
ROLLBACK TO a;
SELECT FROM outbox.emit('t', '4', '{}');
SAVEPOINT c;
SELECT FROM outbox.emit('t', '5', '{}');
SAVEPOINT d;
SELECT FROM outbox.emit('t', '6 dropped', '{}');
ROLLBACK TO d;
SELECT FROM outbox.emit('t', '7', '{}');
RELEASE c;
SELECT FROM outbox.emit('t', '8', '{}');
COMMIT;
SELECT pg_temp.events();

-- the first event in a savepoint that is rolled back
BEGIN;
SAVEPOINT a;
SELECT FROM outbox.emit('t', 'dropped', '{}');
ROLLBACK TO a;
COMMIT;
SELECT pg_temp.events();

-- exception blocks are savepoints
DO $$
BEGIN
    PERFORM outbox.emit('t', 'before', '{}');
    BEGIN
        PERFORM outbox.emit('t', 'dropped', '{}');
        PERFORM outbox.emit('t', 'invalid', '{');
    EXCEPTION WHEN invalid_text_representation THEN
        PERFORM outbox.emit('t', 'handled', '{}');
    END;
END $$;
SELECT pg_temp.events();

-- many subtransactions, every other one rolled back
DO $$
BEGIN
    FOR i IN 1..200 LOOP
        BEGIN
            PERFORM outbox.emit('t', i, '{}');
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT count(*), sum((events::json ->> 'key')::int) = sum(n) FROM (SELECT events, 2 * row_number() OVER () - 1 AS n FROM pg_temp.events() AS events) AS s;

-- procedures that commit; after the events of a transaction stands the number in its commit line
CREATE PROCEDURE pg_temp.commits() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox.emit('t', 'first', '{}');
    COMMIT;
    PERFORM outbox.emit('t', 'second, rolled back', '{}');
    ROLLBACK;
    PERFORM outbox.emit('t', 'third', '{}');
    COMMIT AND CHAIN;
    PERFORM outbox.emit('t', 'fourth', '{}');
END $$;
CALL pg_temp.commits();
SELECT coalesce(data::json ->> 'key', data::json ->> 'events') FROM pg_logical_slot_get_changes('regress_transactions', NULL, NULL) WHERE data NOT LIKE '{"begin"%';

-- prepared transactions publish when they are committed
BEGIN;
SELECT FROM outbox.emit('t', 'prepared, then committed', '{}');
PREPARE TRANSACTION 'regress_committed';
BEGIN;
SELECT FROM outbox.emit('t', 'prepared, then rolled back', '{}');
PREPARE TRANSACTION 'regress_rolled_back';
SELECT FROM outbox.emit('t', 'between', '{}');
SELECT pg_temp.events();
ROLLBACK PREPARED 'regress_rolled_back';
COMMIT PREPARED 'regress_committed';
SELECT pg_temp.events();

-- a cursor emits for the rows that are fetched
BEGIN;
DECLARE c CURSOR FOR SELECT outbox.emit('t', n, '{}') FROM generate_series(1, 10) AS n;
MOVE 2 FROM c;
COMMIT;
SELECT pg_temp.events();

-- an isolation level, and READ ONLY that is switched on after an emit
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT FROM outbox.emit('t', 'serializable', '{}');
SET TRANSACTION READ ONLY;
\set VERBOSITY sqlstate
SAVEPOINT s;
SELECT FROM outbox.emit('t', 'refused', '{}');
ROLLBACK TO s;
\set VERBOSITY default
COMMIT;
SELECT pg_temp.events();

-- a transaction that writes rows and no event has no lines
CREATE TEMP TABLE alone (n int);
BEGIN;
INSERT INTO alone VALUES (1);
COMMIT;
SELECT count(*) FROM pg_logical_slot_get_changes('regress_transactions', NULL, NULL);

SELECT 'dropped' FROM pg_drop_replication_slot('regress_transactions');
