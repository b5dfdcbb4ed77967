# outbox_relay_lag_seconds is the age of the oldest event that Kafka does not have, in each state of the relay, of PostgreSQL and of Kafka.
use strict;
use warnings;

use List::Util qw(max);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slowness wait_until);
use Outbox::Relay;
use Outbox::Status qw(ask metrics next_look);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my @listen = qw(--listen 127.0.0.1:0);
my $node = outbox_node('main', conf => "autovacuum = off\n");
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);

sub emit { return $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')}) }
sub lag { return metrics($_[0])->{lag_seconds} }

# Emits an event, and returns the times before and after its commit.
sub emit_timed {
    my $before = time;
    emit();
    return ($before, time);
}

# The lag is the age of the event that was committed between the two times, to a few hundredths of a second.
sub is_age_of {
    my ($relay, $earliest, $latest, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $asked = time;
    my $lag = lag($relay);
    my $answered = time;
    ok($lag > $asked - $latest - 0.1 && $lag < $answered - $earliest + 0.1, $name)
      or diag "lag $lag, committed " . ($answered - $earliest) . ' s to ' . ($asked - $latest) . ' s ago';
    return $lag;
}

sub becomes_zero {
    my ($relay, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(eval { wait_until { lag($relay) == 0 } 'not 0', 90 }, $name) or diag 'lag ' . lag($relay);
    return;
}

# ---- idle ----------------------------------------------------------------------------------------------------------------

create_slot($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => \@listen)->start;
$relay->wait_until_streaming($node);
emit();
ok(wait_for_confirmation($node), 'a first event');
becomes_zero($relay, 'all is delivered: 0');
$node->safe_psql('postgres', 'CREATE TABLE others AS SELECT repeat(md5(i::text), 10) FROM generate_series(1, 10000) AS i');
my @idle = map { next_look($relay) } 1 .. 2;
is(max(map { $_->{lag_seconds} } @idle), 0, 'idle, with writes of others: 0 at every scrape, over two looks at the slot');

# ---- standby -------------------------------------------------------------------------------------------------------------

my $standby = Outbox::Relay->new($node, name => 'standby', kafka => $kafka, args => \@listen)->start;
wait_until { metrics($standby)->{'state{state="standby"}'} } 'it stands by';
wait_until { exists metrics($standby)->{slot_active} } 'the standby looks at the slot, too';
my $held = metrics($standby);
is($held->{slot_active}, 1, 'which another reads,');
is($held->{'slot_state{state="reserved"}'}, 1, 'whose WAL is there');
cmp_ok($held->{slot_retained_wal_bytes}, '>', 0, 'and kept');

# ---- busy ----------------------------------------------------------------------------------------------------------------

my $writers = Outbox::Process->spawn(
    name => 'writers', stdout => '/dev/null', stderr => '/dev/null',
    command => [ $node->installed_command('pgbench'), '-n', '-c', 2, '-T', 300, '-f', do {
        my $file = PostgreSQL::Test::Utils::tempdir() . '/emit.sql';
        PostgreSQL::Test::Utils::append_to_file($file, q{SELECT outbox.emit('orders', 'k', '1');});
        $file;
    }, '-h', $node->host, '-p', $node->port, 'postgres' ]);
wait_until { metrics($relay)->{'events_delivered_total{topic="orders"}'} > 100 } 'events flow';
my @busy = map { next_look($_) } $relay, $standby;
my $bound = 2 * slowness();
cmp_ok(max(map { $_->{lag_seconds} } @busy), '<', $bound, 'busy: what is on its way, by the relay that streams and by the one that stands by');
$writers->signal('TERM');
$writers->wait_for_exit(20);
ok(wait_for_confirmation($node), 'all is delivered');
becomes_zero($_, 'and 0') for $relay, $standby;

# ---- Kafka away ----------------------------------------------------------------------------------------------------------

$kafka->pause;
my @first = emit_timed();
wait_until { lag($relay) > 2 } 'it grows';
is_age_of($relay, @first, 'Kafka is away: the age of the event that waits');
emit();
$node->safe_psql('postgres', 'CREATE TABLE more AS SELECT repeat(md5(i::text), 10) FROM generate_series(1, 10000) AS i');
is_age_of($relay, @first, 'of the oldest one');
wait_until { lag($standby) > 2 } 'the standby sees that nothing is confirmed', 60;
cmp_ok(lag($standby), '<', time - $first[0] + 0.1, 'and says no more than there is');
cmp_ok(metrics($relay)->{'state{state="waiting for Kafka"}'}, '==', 1, 'the relay waits for Kafka');

# ---- PostgreSQL away ---------------------------------------------------------------------------------------------------

crash($node);
wait_until { metrics($relay)->{'state{state="connecting"}'} } 'the server is noticed to be away';
is_age_of($relay, @first, 'with the server away, too: the age of the event that was in flight');
$node->start;
wait_until { metrics($relay)->{'state{state="standby"}'} || metrics($standby)->{'state{state="standby"}'} } 'one streams and one stands by';
my ($streams, $waits) = metrics($relay)->{'state{state="standby"}'} ? ($standby, $relay) : ($relay, $standby);
wait_until { lag($streams) > time - $first[1] - 0.1 } 'the next session has the event';
SKIP: {
    skip 'with pgoutput the slot is where the last checkpoint saw it, and older events come again', 1 if Outbox::Form::is_hosted();
    is_age_of($streams, @first, 'the next session has it from the event itself');
}
cmp_ok(lag($waits), '>', 2, 'who waits now does not forget it');
$kafka->resume;
becomes_zero($_, 'Kafka is back: 0') for $streams, $waits;

crash($node);
wait_until { metrics($_)->{'state{state="connecting"}'} } 'the server is noticed to be away' for $streams, $waits;
my $gone_at = time;
wait_until { lag($streams) > 3 } 'it grows';
cmp_ok(lag($streams), '<', time - $gone_at + 15, 'with the server away and nothing in flight: since all was known to be delivered');
$node->start;
becomes_zero($_, 'the server is back: 0') for $streams, $waits;
is($_->terminate, 0, 'it ends in good order') for $waits, $streams;

# ---- backlog ---------------------------------------------------------------------------------------------------------------

$kafka->pause;
@first = emit_timed();
emit() for 1 .. 3;
wait_until { time > $first[1] + 2 } 'it gets old';
$relay->start;
wait_until { metrics($relay)->{in_flight_transactions} } 'the backlog is on its way';
is_age_of($relay, @first, 'a backlog from before the start: the age of its oldest event');
$kafka->resume;
ok(wait_for_confirmation($node), 'delivered');
becomes_zero($relay, '0 again');

# ---- the slot is lost ----------------------------------------------------------------------------------------------------

$kafka->pause;
@first = emit_timed();
wait_until { metrics($relay)->{in_flight_transactions} } 'an event waits';
$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'});
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE t(x int)');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (1); SELECT pg_switch_wal();') for 1 .. 6;
$node->safe_psql('postgres', 'CHECKPOINT');
$relay->wait_for_log(qr/the relay has stopped, its status answers for 45 s more/);
wait_until { metrics($relay)->{'slot_state{state="lost"}'} } 'the slot is lost, which the status still says', 20;
is(metrics($relay)->{'state{state="stopped"}'}, 1, 'of a relay that has stopped');
is_age_of($relay, @first, 'and the lag is that of the event that is lost');
like(ask($relay, '/ready')->{content}, qr/^stopped\n.*setup/, '/ready says what to do');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});
wait_until { metrics($relay)->{'slot_state{state="missing"}'} } 'a slot that is dropped is missing', 20;
cmp_ok(lag($relay), '>', 1, 'which delivers nothing either');
$relay->signal('TERM');
is($relay->wait_for_exit(5), 3, 'a signal ends it at once, with its exit code');
$kafka->resume;

done_testing();
