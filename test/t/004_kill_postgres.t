# kill -9 ends PostgreSQL under load: the same relay goes on, and no event is lost or invented.
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

my $crashes = 6;

random_seed();
my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;

for my $round (1 .. $crashes) {
    my $before = $workload->committed;
    $relay->wait_until_streaming($node);
    $workload->start(2, 2_000);
    wait_until { $workload->committed > $before + 100 } 'writers write';
    sleep rand 0.5;
    ok($workload->running, "crash $round comes under load");
    crash($node);
    $workload->wait;
    $node->start;
    $workload->commit_prepared;
}
ok(wait_for_confirmation($node), 'the relay delivers what is left');
ok($relay->alive, 'it is the relay of the beginning');
is($relay->terminate, 0, 'which ends in good order');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$crashes crashes");

done_testing();
