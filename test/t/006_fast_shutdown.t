# `pg_ctl stop -m fast` with the relay attached ends soon, whether Kafka takes the events or not, and nothing gets lost by it.
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
use Time::HiRes qw(time);

my $grace_ms = 2000;
$ENV{PGCTLTIMEOUT} = 30;

random_seed();
my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [ '--shutdown-grace-ms', $grace_ms ])->start;

# The seconds that a fast shutdown takes in the middle of the work.
sub shutdown_under_load {
    my $before = $workload->committed;
    $workload->start(2, 3_000);
    $relay->wait_until_streaming($node);
    wait_until { $workload->committed > $before + 300 } 'writers write';
    my $start = time;
    my $stopped = $node->stop('fast', fail_ok => 1);
    my $seconds = time - $start;
    ok($stopped, 'the server has stopped') or $node->stop('immediate');
    $workload->wait;
    return $seconds;
}

sub restart {
    $node->start;
    $workload->commit_prepared;
}

my $seconds = shutdown_under_load();
cmp_ok($seconds, '<=', 10, sprintf 'Kafka up: the shutdown took %.1f s', $seconds);
restart();
ok(wait_for_confirmation($node), 'the same relay delivers what is left');

# Frozen, not dead: connections stay, nothing is ever answered.
$kafka->pause;
$seconds = shutdown_under_load();
cmp_ok($seconds, '<=', $grace_ms / 1000 + 10, sprintf 'Kafka frozen: the shutdown took %.1f s', $seconds);
ok($relay->alive, 'the relay stays up');
$kafka->resume;
restart();
ok(wait_for_confirmation($node), 'and delivers what is left');

is($relay->terminate, 0, 'it ends in good order');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], 'two shutdowns', duplicates => 'any');

done_testing();
