# Exactly-once delivery while kill -9 ends the relay, PostgreSQL and the broker, and writers write. Consumers of committed records see every event
# once, and nothing else.
use strict;
use warnings;

use HTTP::Tiny;
use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed slowness wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $kills = 10;

random_seed();
my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'setup makes slot, state topic and position') or diag $err;
like($out, qr/created state topic "outbox\.state"/, 'and says so');

my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--delivery exactly-once)]);
for my $round (1 .. $kills) {
    $workload->start(2, 2_000) if !$workload->running;
    my $before = slot($node, 'confirmed_flush_lsn');
    $relay->start;
    wait_until { slot($node, 'confirmed_flush_lsn') ne $before } 'the relay confirms' if $round % 2;
    sleep rand 0.6;
    is($relay->kill_nine, 'signal 9', "kill $round hit a running relay");
}

# After a crash the server has an older confirmed position, and sends the transactions behind that position again.
$relay->start;
for my $round (1 .. 3) {
    $workload->start(2, 2_000) if !$workload->running;
    my $before = slot($node, 'confirmed_flush_lsn');
    wait_until { slot($node, 'confirmed_flush_lsn') ne $before } 'the relay confirms';
    crash($node);
    $node->start;
    $workload->wait;
    $workload->commit_prepared;
}

# The commit of a Kafka transaction may be under way.
for my $round (1 .. 2) {
    $workload->start(2, 2_000) if !$workload->running;
    sleep rand 0.5;
    $kafka->kill_nine;
    $kafka->start;
}
$workload->stop;
ok(wait_for_confirmation($node), 'everything is confirmed in the end');
is($relay->terminate, 0, 'the relay ends in good order');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], 'every event once', duplicates => 'none');

# The second event would wait ten seconds for its commit. A relay that is told to end does not wait.
$kafka->create_topic('late');
$relay = Outbox::Relay->new($node, name => 'patient', kafka => $kafka,
    args => [qw(--delivery exactly-once --commit-interval-ms 10000 --listen 127.0.0.1:0)])->start;
$relay->wait_until_streaming($node);
my $emit = q{SELECT outbox.emit('late', %d, '"late"'::text)};
$node->safe_psql('postgres', sprintf $emit, 1);
ok(wait_for_confirmation($node), 'a lone event does not wait for the commit interval');
$node->safe_psql('postgres', sprintf $emit, 2);
my ($address) = $relay->log =~ m{status on (http://127\.0\.0\.1:\d+)/};
wait_until { HTTP::Tiny->new(timeout => 10)->get("$address/metrics")->{content} =~ /^outbox_relay_in_flight_bytes [1-9]/m } 'the relay has the second';
my $asked_at = time;
is($relay->terminate, 0, 'the relay ends in good order');
cmp_ok(time - $asked_at, '<', 5 * slowness(), 'and soon');
unlike($relay->log, qr/stopped before Kafka had everything/, 'with everything delivered');
is(scalar(my @late = $kafka->consume('late')), 2, 'both events are there');

done_testing();
