-- An event is delivered wherever its transaction comes from: a replication origin, which other plugins filter by, plays no part.
-- Needs max_prepared_transactions. A subscription's worker: test/t/088_apply_worker.t.
\set slot regress_origins
\i sql/include/helpers.sql
SELECT pg_replication_origin_create('regress_origins') > 0;

-- transactions of a session that has an origin; one of them has the position and time of its beginning there
SELECT pg_replication_origin_session_setup('regress_origins');
SELECT FROM outbox.emit('t', 'of the session', '{}');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/ABCDEF', '2026-11-28 09:42:00+00');
SELECT FROM outbox.emit('t', 'of the transaction', '{}');
SAVEPOINT s;
SELECT FROM outbox.emit('t', 'of a subtransaction', '{}');
SAVEPOINT dropped;
SELECT FROM outbox.emit('t', 'dropped', '{}');
ROLLBACK TO dropped;
COMMIT;
BEGIN;
SELECT FROM outbox.emit('t', 'rolled back', '{}');
ROLLBACK;
BEGIN;
SELECT FROM outbox.emit('t', 'prepared', '{}');
PREPARE TRANSACTION 'regress_origins';
SELECT pg_replication_origin_session_reset();

-- a transaction that is prepared with an origin and committed without one, and the other way round
COMMIT PREPARED 'regress_origins';
BEGIN;
SELECT FROM outbox.emit('t', 'prepared here', '{}');
PREPARE TRANSACTION 'regress_origins';
SELECT pg_replication_origin_session_setup('regress_origins');
COMMIT PREPARED 'regress_origins';
SELECT pg_replication_origin_session_reset();
SELECT pg_temp.events();

SELECT pg_replication_origin_drop('regress_origins');
SELECT 'dropped' FROM pg_drop_replication_slot('regress_origins');
