# The apply worker of a subscription fires triggers that emit: the subscriber delivers the events as if a session had written the rows, from 16 on
# also from the parallel workers of large transactions. Where emit() fails, the subscription stops at that transaction and goes on when the cause is
# gone: no row is without its event, and no event comes twice. One server has both ends: its database "origin" publishes, "postgres" subscribes.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use Outbox::Node;
use Outbox::Process qw(wait_until);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('apply', conf => "logical_decoding_work_mem = 64kB\nwal_retrieve_retry_interval = 100ms\nmax_worker_processes = 16\n");
my $is_parallel = $node->safe_psql('postgres', 'SHOW server_version_num') >= 160000;

sub here { return $node->safe_psql('postgres', shift) }
sub there { return $node->safe_psql('origin', shift) }

here('CREATE DATABASE origin');
there('CREATE TABLE orders (id int PRIMARY KEY, item text); CREATE PUBLICATION orders FOR TABLE orders');
there(q{SELECT pg_create_logical_replication_slot('subscription', 'pgoutput')});
here('CREATE TABLE orders (id int PRIMARY KEY, item text)');
here(q{CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM outbox.emit('orders', coalesce(NEW.id, OLD.id), NEW, lower(TG_OP)); RETURN NULL; END $$});
here('CREATE TRIGGER on_row AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION on_row()');
create_slot($node);
# By default an apply worker commits asynchronously, and rows would be visible before their WAL can be decoded.
my $connection = $node->connstr('origin') =~ s/'/''/gr;
here(qq{CREATE SUBSCRIPTION orders CONNECTION '$connection' PUBLICATION orders
    WITH (create_slot = false, slot_name = 'subscription', copy_data = false, synchronous_commit = 'on', streaming = } . ($is_parallel ? 'parallel' : 'on') . ')');

sub wait_for_rows { my ($condition) = @_; return $node->poll_query_until('postgres', "SELECT $condition FROM orders") }

sub events {
    return join ', ', map { my $event = decode_json($_); join ' ', grep { defined } $event->{type}, $event->{key}, $event->{payload}{item} } emitted($node, 'outbox', 'get');
}

there(q{INSERT INTO orders VALUES (1, 'no trigger')});
wait_for_rows('count(*) = 1');
is(events(), '', 'an ordinary trigger does not fire in a worker');

here('ALTER TABLE orders ENABLE ALWAYS TRIGGER on_row');
there(q{INSERT INTO orders VALUES (2, 'one'); UPDATE orders SET item = 'changed' WHERE id = 2; DELETE FROM orders WHERE id = 1});
wait_for_rows(q{count(*) = 1 AND max(item) = 'changed'});
is(events(), 'insert 2 one, update 2 changed, delete 1', 'one that is ENABLE ALWAYS emits what the worker writes, which has a replication origin');

# ---- a large transaction, streamed before it commits ----------------------------------------------------------------------

there(q{BEGIN; INSERT INTO orders SELECT n, repeat('x', 100) FROM generate_series(1001, 4000) AS n;
    SAVEPOINT s; INSERT INTO orders SELECT n, 'dropped' FROM generate_series(5001, 6000) AS n; ROLLBACK TO s;
    DELETE FROM orders WHERE id > 1001; COMMIT});
wait_for_rows('max(id) = 1001');
my @events = split /, /, events();
is(scalar(grep { /^insert/ } @events), 3000, 'a transaction that the worker gets in pieces before the commit gives an event for each row that it inserts');
is(here('SELECT count(*) > 0 FROM pg_stat_subscription WHERE leader_pid IS NOT NULL'), 't', 'which a parallel worker has applied') if $is_parallel;
is(scalar(grep { /^delete/ } @events), 2999, 'and for the rows that it deletes');
is(scalar(grep { /dropped/ } @events), 0, 'and none of a subtransaction that was rolled back');

# ---- emit refuses -----------------------------------------------------------------------------------------------------

drop_slot($node, 'outbox');
my $offset = -s $node->logfile;
there(q{INSERT INTO orders VALUES (3, 'refused')});
there(q{INSERT INTO orders VALUES (4, 'behind it')});
wait_until { slurp_file($node->logfile, $offset) =~ /ERROR: +no replication slot can deliver the event/ } 'the worker does not fail';
is(here('SELECT count(*) FROM orders WHERE id IN (3, 4)'), 0, 'without a slot neither that row nor what follows it is written');
create_slot($node);
wait_for_rows('count(*) FILTER (WHERE id IN (3, 4)) = 2');
is(events(), 'insert 3 refused, insert 4 behind it', 'with the slot again both come, each event once');

here('ALTER SUBSCRIPTION orders DISABLE; ALTER SUBSCRIPTION orders SET (slot_name = NONE); DROP SUBSCRIPTION orders');
done_testing();
