# Latency: the time from the return of COMMIT until Kafka has the event and until a consumer has it, at 500 events/s and at shares of the capacity:
# the rate that writers, server, relay, broker and consumer carry together on this machine, measured by offering them more. Events are committed on a
# fixed schedule (see latency.cpp), with synchronous_commit=on and the relay's defaults. Server and broker have run before: the server has WAL segments
# to reuse, and the broker's code is compiled.
package latency;

use strict;
use warnings;

use Bench::Drain qw(drain relay);
use Bench::Latency qw(probe curves);
use Bench::Meter qw(cores);
use Bench::Result;
use Bench::Server;

my $bytes = 200;
my $commit_interval_ms = 50;    # the relay's default
my $steady = '500/s';
my $half = '50% of capacity';

# At 500 events/s each event has a commit of its own, as in applications. At high rates a hundred events share a commit, or the writers would need
# more CPU than everything else.
my @points = (
    { name => $half, share => 0.5, per_transaction => 100, seconds => 20 },
    { name => '90% of capacity', share => 0.9, per_transaction => 100, seconds => 20 },
    { name => '25% of capacity', share => 0.25, per_transaction => 100, seconds => 20 },
    { name => '10% of capacity', share => 0.1, per_transaction => 100, seconds => 20 },
    { name => $steady, rate => 500, per_transaction => 1, seconds => 30 },
);

# Rounds that are not counted, before each delivery: Java's compiler in the broker takes a quarter of two cores for a minute or two, and again when
# the kind of requests changes. The capacity is measured after them.
my $warm_up = 6;

my ($at_least, $exactly) = qw(at-least-once exactly-once);
my %isolation = ($at_least => 'read_uncommitted', $exactly => 'read_committed');
my @candidates = map { [ $_, $isolation{$_} ] } $at_least, $exactly;

my @figures = (
    [ visible_50 => 'visible p50 ms', '%.2f' ], [ visible_99 => 'p99', '%.2f' ], [ visible_999 => 'p99.9', '%.2f' ], [ visible_max => 'max', '%.2f' ],
    [ appended_50 => 'in Kafka p50 ms', '%.1f' ], [ appended_99 => 'p99', '%.1f' ], [ appended_999 => 'p99.9', '%.1f' ], [ appended_max => 'max', '%.1f' ],
    [ rate => 'events/s', '%.0f' ], [ late_99 => 'writers late p99 ms', '%.2f' ], [ relay_us => 'relay CPU us', '%.1f' ], [ others => 'others %', '%.0f' ],
);

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('latency', @figures);
    my $server = Bench::Server->start;
    $result->note('Kafka tells milliseconds: "in Kafka" is right to half a one');
    $result->plot(sub { curves($result, 'visible') });
    for my $delivery (map { $_->[0] } $bench->candidates(@candidates)) {
        my $capacity = _drain_rate($bench, $server, $delivery);
        my $measure = sub { my ($point) = @_; return _measure($bench, $server, $point, $delivery, $capacity) };
        _warm_up($bench, $delivery, $measure);
        my $drained = _drain_rate($bench, $server, $delivery);
        $capacity = _capacity($bench, $server, $delivery, $drained);
        $result->note(sprintf '%s: the relay drains %.0f events/s, 100 a transaction; all together carry %.0f', $delivery, $drained, $capacity);
        _take($bench, $result, $_, $delivery, $measure) for $bench->chosen(\@points);
    }
    _judge($result);
    return $result;
}

# The median of three drains, after one that warms up the broker.
sub _drain_rate {
    my ($bench, $server, $delivery) = @_;
    my $backlog = $server->backlog(events => $bench->scaled(500_000, 100), per_transaction => 100, bytes => $bytes, topic => 'latency');
    my @rates;
    for (0 .. 3) {
        $server->fresh_topic('latency');
        push @rates, $backlog->{events} / drain($server, $backlog, relay(kafka => 1, delivery => $delivery))->{seconds};
    }
    shift @rates;
    return (sort { $a <=> $b } @rates)[1];
}

# The median of three rounds in which the writers offer as much as the relay drains when it has the machine to itself.
sub _capacity {
    my ($bench, $server, $delivery, $drained) = @_;
    my @carried = map { { _measure($bench, $server, { share => 1, per_transaction => 100, seconds => 10 }, $delivery, $drained) }->{carried} } 1 .. 3;
    return (sort { $a <=> $b } @carried)[1];
}

sub _warm_up {
    my ($bench, $delivery, $measure) = @_;
    my ($point) = grep { $_->{name} eq $half } @points;
    _round($bench, $point, "$delivery, not counted", $_, $measure) for 1 .. $warm_up;
    return;
}

sub _take {
    my ($bench, $result, $point, $delivery, $measure) = @_;
    $result->add($point->{name}, $delivery, _round($bench, $point, $delivery, $_, $measure)) for 1 .. $bench->runs;
    _note_overload($result, $point, $delivery);
    return;
}

sub _round {
    my ($bench, $point, $what, $round, $measure) = @_;
    my %found = $measure->($point);
    $bench->say(sprintf '%s, %s, round %d: %.2f / %.2f ms', $point->{name}, $what, $round, @found{qw(visible_50 visible_99)});
    return %found;
}

sub _measure {
    my ($bench, $server, $point, $delivery, $capacity) = @_;
    my $rate = $point->{rate} // $point->{share} * $capacity;
    my %plan = (rate => $rate, per_transaction => $point->{per_transaction}, seconds => $point->{seconds} * ($bench->{scale} < 1 ? $bench->{scale} : 1),
        bytes => $bytes, isolation => $isolation{$delivery}, is_sample => $point->{share});
    my ($found, $used) = probe($server, relay(kafka => 1, delivery => $delivery), %plan);
    my %quantiles = (50 => '0.5', 99 => '0.99', 999 => '0.999', max => '1');
    my %figures = (rate => $found->{rate}, carried => $found->{carried}, late_99 => $found->{late}{0.99}, relay_us => $used->{program}{cpu_s} / $found->{events} * 1e6);
    for my $what (qw(visible appended)) {
        $figures{"${what}_$_"} = $found->{$what}{ $quantiles{$_} } for keys %quantiles;
        $figures{"${what}_at_$_"} = $found->{$what}{$_} for keys %{ $found->{$what} };
    }
    return %figures, wanted => $rate, others => $used->{others};
}

# If the writers fall behind, the machine is too small for writers, relay, broker and consumer at this rate, and the delay is not the relay's.
sub _note_overload {
    my ($result, $point, $delivery) = @_;
    my ($rate, $wanted) = map { $result->median($point->{name}, $delivery, $_) } qw(rate wanted);
    return if !$wanted || $rate >= 0.97 * $wanted;
    $result->note(sprintf '%s, %s: writers, relay and Kafka on %d cores together came to %.0f of %.0f events/s', $point->{name}, $delivery, cores(),
        $rate, $wanted);
    return;
}

sub _judge {
    my ($result) = @_;
    $result->verdict("$steady, $at_least: p50 ms to the consumer", $result->median($steady, $at_least, 'visible_50'), '<=', 1, '%.2f');
    $result->verdict("$steady, $at_least: p99 ms to the consumer", $result->median($steady, $at_least, 'visible_99'), '<=', 4, '%.2f');
    $result->verdict("$steady, $exactly: p99 ms to the consumer", $result->median($steady, $exactly, 'visible_99'), '<=', $commit_interval_ms + 30, '%.1f');
    $result->verdict("$half, $at_least: p99 ms to the consumer", $result->median($half, $at_least, 'visible_99'), '<=', 20, '%.1f');
    $result->verdict("$half, $exactly: p99 ms to the consumer", $result->median($half, $exactly, 'visible_99'), '<=', $commit_interval_ms + 30, '%.1f');
    return;
}

1;
