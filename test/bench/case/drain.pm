# Drain: how fast the relay delivers a backlog to Kafka, compared with the machine's limits: reading alone, producing alone, and the cores that both
# share. BENCH_BEFORE: the path of another relay to compare with, such as an earlier one.
package drain;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain relay reader recvlogical sink per_event system_calls @own_options @pgoutput_options);
use Bench::Meter qw(cores);
use Bench::Result;
use Bench::Server;
use List::Util qw(max min);

# Fewer events of a larger size. Each drain takes seconds, so that its start, in which an exactly-once relay reads its position, weighs little.
my @shapes = (
    { name => '1/txn 200 B', per_transaction => 1, bytes => 200, events => 300_000 },
    { name => '100/txn 200 B', per_transaction => 100, bytes => 200, events => 1_000_000 },
    { name => '1/txn 1 kB', per_transaction => 1, bytes => 1000, events => 300_000, part => 1 },
    { name => '100/txn 1 kB', per_transaction => 100, bytes => 1000, events => 500_000, part => 1 },
    { name => '1/txn 8 kB', per_transaction => 1, bytes => 8000, events => 180_000, part => 1 },
    { name => '100/txn 8 kB', per_transaction => 100, bytes => 8000, events => 180_000, part => 1 },
);

my @figures = (
    [ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ walsender_us => 'walsender us', '%.2f' ], [ broker_us => 'broker us', '%.2f' ],
    [ cpu_us => 'sum us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ], [ program_switches => 'switches', '%.4f' ],
    [ walsender_switches => 'walsender switches', '%.4f' ], [ calls => 'system calls', '%.3f' ], [ others => 'others %', '%.0f' ],
);

my $pause_us = 200;

my $to_kafka = 'relay to Kafka';
my $once = 'relay to Kafka, exactly once';
my $before = 'the relay before';
my $once_before = "$before, exactly once";
my $source = 'source: reader that pauses';
my $source_tool = 'source: pg_recvlogical';
my $sink = 'sink: librdkafka from memory';

# name, program, plugin, what the program needs
my @candidates = (
    [ $to_kafka, relay(kafka => 1, delivery => 'at-least-once'), 'outbox', 'topic' ],
    [ $once, relay(kafka => 1, delivery => 'exactly-once'), 'outbox', 'topic' ],
    $ENV{BENCH_BEFORE} ? ([ $before, relay(kafka => 1, delivery => 'at-least-once', program => $ENV{BENCH_BEFORE}), 'outbox', 'topic' ],
        [ $once_before, relay(kafka => 1, delivery => 'exactly-once', program => $ENV{BENCH_BEFORE}), 'outbox', 'topic' ]) : (),
    [ 'relay to /dev/null', relay(), 'outbox' ],
    [ $source, reader($pause_us, @own_options), 'outbox' ],
    [ $source_tool, recvlogical(@own_options), 'outbox' ],
    [ $sink, undef, undef, 'topic' ],
    [ 'pgoutput: reader that pauses', reader($pause_us, @pgoutput_options), 'pgoutput' ],
    [ 'pgoutput: pg_recvlogical', recvlogical(@pgoutput_options), 'pgoutput' ],
    [ 'test_decoding: pg_recvlogical', recvlogical(), 'test_decoding' ],
    [ 'wal2json: pg_recvlogical', recvlogical('format-version=2'), 'wal2json', 'wal2json' ],
);

# The first two shapes have bounds; BENCH_POINTS=PATTERN chooses others.
sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('drain', @figures);
    my $server = Bench::Server->start;
    my $warm_up_seconds = 60;
    for my $shape ($bench->chosen(\@shapes)) {
        my $backlog = $server->backlog(%$shape, events => $bench->scaled($shape->{events}, $shape->{per_transaction}), topic => 'drain');
        $bench->say("$shape->{name}: $backlog->{events} events");
        my @producers = grep { ($_->[3] // '') eq 'topic' } $bench->candidates(@candidates);
        warm_up($bench->seconds($warm_up_seconds), map { my $producer = $_; sub { _measure($server, $backlog, $producer) } } @producers);
        $warm_up_seconds = 5;
        for my $round (1 .. $bench->runs) {
            _add($result, $server, $backlog, $_) for grep { _possible($_) } $bench->candidates(@candidates);
            $bench->say("$shape->{name}: round $round, $to_kafka "
                . join ' ', map { sprintf '%.0f', $_ } @{ $result->{values}{ $shape->{name} }{$to_kafka}{rate} // [] });
        }
        _count_calls($result, $server, $backlog);
        _judge($result, $shape->{name}, $shape->{part});
    }
    return $result;
}

sub _possible {
    my ($candidate) = @_;
    return ($candidate->[3] // '') ne 'wal2json' || -e "$ENV{OUTBOX_PG_LIB}/wal2json.so";
}

sub _measure {
    my ($server, $backlog, $candidate) = @_;
    my ($name, $program, $plugin, $needs) = @$candidate;
    $server->fresh_topic('drain') if ($needs // '') eq 'topic';
    return $program ? drain($server, $backlog, $program, $plugin) : sink($server, $backlog);
}

sub _add {
    my ($result, $server, $backlog, $candidate) = @_;
    my %figures = per_event(_measure($server, $backlog, $candidate), $backlog->{events});
    if (($candidate->[3] // '') ne 'topic') {    # without a broker at work
        $figures{cpu_us} -= delete $figures{broker_us};
        delete $figures{broker_switches};
    }
    $result->add($backlog->{name}, $candidate->[0], %figures);
    return;
}

sub _count_calls {
    my ($result, $server, $backlog) = @_;
    for my $candidate (grep { $result->median($backlog->{name}, $to_kafka, 'rate') && $_->[0] eq $to_kafka } @candidates) {
        $server->fresh_topic('drain');
        my $calls = system_calls($server, $backlog, $candidate->[1]) // return;
        $result->add($backlog->{name}, $candidate->[0], calls => $calls / $backlog->{events});
    }
    return;
}

# The machine's limit: the slower of reading and producing, or the cores that both share.
sub _limit {
    my ($result, $point) = @_;
    my $best = (sort { ($result->median($point, $b, 'rate') // 0) <=> ($result->median($point, $a, 'rate') // 0) } $source, $source_tool)[0];
    my ($from, $to) = map { $result->median($point, $_, 'rate') } $best, $sink;
    return if !$from || !$to;
    my $together = cores() / ($result->median($point, $best, 'cpu_us') + $result->median($point, $sink, 'cpu_us')) * 1e6;
    my $limit = min($from, $to, $together);
    $result->note(sprintf '%s: limit %.0f events/s (source %.0f by "%s", sink %.0f, %d cores for both %.0f)',
        $point, $limit, $from, $best, $to, cores(), $together);
    return $limit;
}

sub _judge {
    my ($result, $point, $is_part) = @_;
    my $figure = sub { my ($candidate, $name) = @_; $result->median($point, $candidate, $name) };
    my $ratio = sub { my ($a, $b) = map { $figure->($_, 'rate') } @_; $a && $b ? $a / $b : undef };
    my $limit = _limit($result, $point);
    my $rate = $figure->($to_kafka, 'rate');
    my $share = $limit && $rate ? $rate / $limit : undef;
    my $own = $ratio->($source, 'pgoutput: reader that pauses');
    my ($gain, $once_gain) = ($ratio->($to_kafka, $before), $ratio->($once, $once_before));
    $result->note(sprintf '%s: %.2f times the rate of the relay before', $point, $gain) if $gain;
    $result->note(sprintf '%s: exactly once %.2f times the rate of the relay before', $point, $once_gain) if $once_gain;
    $result->verdict("$point: exactly once against at least once", $ratio->($once, $to_kafka), '>=', 0.5, '%.2f');
    $result->verdict("$point: peak resident MB of the relay", $figure->($to_kafka, 'peak_mb'), '<=', 32, '%.1f');
    return if $is_part;
    my $is_single = $point =~ /^1\//;
    $result->verdict("$point: $to_kafka against the machine's limit", $share, '>=', 0.8, '%.2f');
    $result->verdict("$point: CPU us per event of the relay", $figure->($to_kafka, 'program_us'), '<=', $is_single ? 2.5 : 1.8, '%.2f');
    $result->verdict("$point: system calls per event of the relay", $figure->($to_kafka, 'calls'), '<=', 0.1, '%.3f');
    $result->verdict("$point: own plugin against pgoutput", $own, '>=', $is_single ? 1.3 : 2.5, '%.2f');
    return;
}

1;
