# A database without events keeps no WAL while another database writes; and the relay confirms no position beyond an undelivered event, however
# much the other database writes.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $segments = 6;

my $node = outbox_node('main', conf => "wal_sender_timeout = 4s\n");
create_slot($node);
$node->safe_psql('postgres', 'CREATE DATABASE neighbour');

# Fills WAL segments, each with a commit, which a checkpoint removes unless a slot keeps them.
sub neighbour_writes {
    $node->safe_psql('neighbour', 'CREATE TABLE IF NOT EXISTS t(x int); INSERT INTO t VALUES (1); SELECT pg_switch_wal();')
        for 1 .. $segments;
    $node->safe_psql('neighbour', 'CHECKPOINT');
}

my $relay = Outbox::Relay->new($node)->start;
$relay->wait_until_streaming($node);
my $oldest = $node->safe_psql('postgres', 'SELECT min(name) FROM pg_ls_waldir()');
neighbour_writes();
ok(wait_for_confirmation($node), 'what the neighbour wrote is confirmed without any event');

# The server advances restart_lsn when it decodes the list of running transactions that a checkpoint or the background writer logs.
sub checkpoint_until {
    my ($condition) = @_;
    return $node->poll_query_until('postgres', "CHECKPOINT; SELECT $condition", "CHECKPOINT\nt");
}
my $retained = q{(SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots WHERE slot_name = 'outbox')};
ok(checkpoint_until("$retained < 2 * 16 * 1024 * 1024"), 'the slot lets go of old segments');
neighbour_writes();
ok(checkpoint_until("min(name) > '$oldest' FROM pg_ls_waldir()"), 'which are then removed');
is(scalar($relay->output), 0, 'no event was written');
is($relay->terminate, 0, 'the relay ends in good order');

# The broker freezes with an event in flight whose topic the relay knows: the relay goes on reading.
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
my $stuck = Outbox::Relay->new($node, name => 'stuck', kafka => $kafka, args => [qw(--shutdown-grace-ms 500)])->start;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '0')});
ok(wait_for_confirmation($node), 'a relay to Kafka confirms an event');
$kafka->pause;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
my $behind = current_lsn($node);
neighbour_writes();
my $end = current_lsn($node);
ok($node->poll_query_until('postgres', "SELECT sent_lsn >= '$end' FROM pg_stat_replication"), 'the stream is behind the event');
my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
ok($node->poll_query_until('postgres', "SELECT reply_time > '$now' FROM pg_stat_replication"), 'the relay has answered since');
is(slot($node, "confirmed_flush_lsn < '$behind'"), 't', 'no position behind the undelivered event is confirmed');
$stuck->terminate(10);
is(slot($node, "confirmed_flush_lsn < '$behind'"), 't', 'nor when the relay gives up at its end');

$relay->start;
ok(wait_for_confirmation($node), 'another relay delivers it');
is(scalar($relay->output), 1, 'and nothing else');
is($relay->terminate, 0, 'and ends in good order');

done_testing();
