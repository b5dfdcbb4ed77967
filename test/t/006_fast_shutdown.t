# `pg_ctl stop -m fast` ends soon while a relay is connected, whether Kafka takes the events or not, and no event is lost.
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

# Each delivery has a server and a Kafka of its own.
my ($node, $kafka, $workload, $relay, $delivery);

sub set_up {
    ($delivery) = @_;
    $node = outbox_node($delivery =~ tr/-//dr);
    $kafka = Outbox::Kafka->new->start;
    $kafka->create_topic($_, 6) for Outbox::Workload->topics;
    if ($delivery eq 'exactly-once') {
        my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
        is($code, 0, "$delivery: set up") or diag $err;
    }
    else {
        create_slot($node);
    }
    $workload = Outbox::Workload->new($node);
    $relay = Outbox::Relay->new($node, name => $delivery, kafka => $kafka, args => [ '--delivery', $delivery, '--shutdown-grace-ms', $grace_ms ])->start;
    return;
}

# How many seconds a fast shutdown takes.
sub shutdown_takes {
    my $start = time;
    my $stopped = $node->stop('fast', fail_ok => 1);
    my $seconds = time - $start;
    ok($stopped, "$delivery: the server has stopped") or $node->stop('immediate');
    return $seconds;
}

sub shutdown_under_load {
    my $before = $workload->committed;
    $workload->start(2, 3_000);
    $relay->wait_until_streaming($node);
    wait_until { $workload->committed > $before + 300 } 'writers write';
    my $seconds = shutdown_takes();
    $workload->wait;
    return $seconds;
}

# No event is in flight. WAL of other programs moves the server's position beyond the one that Kafka's state topic holds.
sub shutdown_idle {
    $relay->wait_until_streaming($node);
    ok(wait_for_confirmation($node), "$delivery: everything is confirmed");
    $kafka->pause;
    $node->safe_psql('postgres', 'CREATE TABLE IF NOT EXISTS others(i int); INSERT INTO others SELECT generate_series(1, 1000)');
    return shutdown_takes();
}

sub restart {
    $node->start;
    $workload->commit_prepared;
}

sub is_soon {
    my ($seconds, $limit, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok($seconds, '<=', $limit, sprintf '%s: %s: the shutdown took %.1f s', $delivery, $what, $seconds);
    return;
}

random_seed();
for ([ 'at-least-once', 'any' ], [ 'exactly-once', 'none' ]) {
    my $duplicates = $_->[1];
    set_up($_->[0]);
    is_soon(shutdown_under_load(), 10, 'Kafka up, busy');
    restart();
    ok(wait_for_confirmation($node), "$delivery: the same relay delivers what is left");

    # The broker is frozen, not dead: connections stay, and the broker answers nothing.
    is_soon(shutdown_idle(), $grace_ms / 1000 + 10, 'Kafka frozen, idle');
    $kafka->resume;
    restart();
    $relay->wait_until_streaming($node);

    $kafka->pause;
    is_soon(shutdown_under_load(), $grace_ms / 1000 + 10, 'Kafka frozen, busy');
    ok($relay->alive, "$delivery: the relay stays up");
    $kafka->resume;
    restart();
    ok(wait_for_confirmation($node), "$delivery: and delivers what is left");

    is($relay->terminate, 0, "$delivery: it ends in good order");
    history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$delivery: three shutdowns", duplicates => $duplicates);
    $kafka->stop;
    $node->stop;
}

done_testing();
