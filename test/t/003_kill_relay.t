# kill -9 ends the relay at random instants while writers write: no event is lost or invented, the order holds, and only replays repeat events.
use strict;
use warnings;

use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $kills = 24;

random_seed();
my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka);

# Every second kill comes after a confirmation was seen. The others come at any time, also before the first connection.
my $loaded = 0;
for my $round (1 .. $kills) {
    $workload->start(2, 10_000) if !$workload->running;
    my $before = slot($node, 'confirmed_flush_lsn');
    $relay->start;
    wait_until { slot($node, 'confirmed_flush_lsn') ne $before } 'the relay confirms' if $round % 2;
    sleep rand 0.4;
    $loaded++ if $workload->running;
    is($relay->kill_nine, 'signal 9', "kill $round hit a running relay");
}
cmp_ok($loaded, '>=', 20, 'writers wrote meanwhile');
$workload->stop;

$relay->start;
ok(wait_for_confirmation($node), 'the last relay delivers what is left');
is($relay->terminate, 0, 'and ends in good order');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$kills kills");

done_testing();
