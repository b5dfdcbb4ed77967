# In flight: whether the relay finds the best bound of the events in flight by itself. At each point, a number of partitions, a size of events and a way
# to the broker, the relay without a setting stands beside relays with fixed bounds, whose best one a search would find. All candidates take turns in one
# run, through a proxy that delays their bytes (test/chaos/proxy/main.cpp) and takes the same share of the machine from each. One more drain of the relay
# without a setting shows how what is in flight settles: the picture has a line for each point.
package inflight;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain relay per_event);
use Bench::Result;
use Bench::Server;
use Bench::Trace qw(trace settled_s lines);
use List::Util qw(max);

my $own = 'finds itself';
my $before = 'the relay before';
my @bounds = (3072, 6144, 12_288, 24_576, 49_152, 98_304);

my @figures = ([ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ broker_us => 'broker us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ],
    [ others => 'others %', '%.0f' ]);

my @points = (
    { topics => 1, partitions => 1, round_trip_ms => 0 },
    { topics => 1, partitions => 48, round_trip_ms => 0 },
    { topics => 1, partitions => 300, round_trip_ms => 0 },
    { topics => 100, partitions => 1, round_trip_ms => 0 },
    { topics => 200, partitions => 3, round_trip_ms => 0 },
    { topics => 1, partitions => 1, round_trip_ms => 4 },
    { topics => 1, partitions => 1, round_trip_ms => 20 },
    { topics => 1, partitions => 1, round_trip_ms => 100 },
    { topics => 1, partitions => 48, round_trip_ms => 20 },
    { topics => 1, partitions => 6, round_trip_ms => 0, bytes => 8000 },
    { topics => 1, partitions => 6, round_trip_ms => 20, bytes => 8000 },
    { topics => 1, partitions => 6, round_trip_ms => 0, bytes => 100_000 },
);

sub _name {
    my ($point) = @_;
    my $topics = $point->{topics} > 1 ? "$point->{topics} topics of $point->{partitions}" : $point->{partitions};
    return sprintf '%s partitions, %d B, %d ms', $topics, $point->{bytes} // 200, $point->{round_trip_ms};
}

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('inflight', @figures);
    my $server = Bench::Server->start(proxy => 1);
    my $warm_up_seconds = 60;
    my %in_flight;
    $result->plot(sub { lines(%in_flight) });
    for my $point ($bench->chosen([ map { { %$_, name => _name($_) } } @points ])) {
        my $bytes = $point->{bytes} // 200;
        my $prefix = "in_flight_$point->{topics}_$point->{partitions}_";
        # Far from the broker a drain lasts longer, and has more events, so that its start, some round trips, remains a small part.
        my $events = $bench->scaled(int(80e6 / ($bytes + 200) * (1 + $point->{round_trip_ms} / 25)), 100);
        $server->topics($prefix, $point->{topics}, $point->{partitions});
        my $backlog = $server->backlog(%$point, events => $events, per_transaction => 100, bytes => $bytes, topic_of => "'$prefix' || n % $point->{topics}");
        $in_flight{ $point->{name} } = _measure($bench, $result, $server, $backlog, $point, $bench->seconds($warm_up_seconds));
        $warm_up_seconds = 15;
        _judge($result, $point, @{ $in_flight{ $point->{name} } });
    }
    return $result;
}

sub _measure {
    my ($bench, $result, $server, $backlog, $point, $seconds) = @_;
    my @fixed = map { [ "$_ events", $ENV{OUTBOX_RELAY}, '-X', "queue.buffering.max.messages=$_", '--max-in-flight-bytes', 256 << 20 ] } @bounds;
    my @candidates = ([ $own, $ENV{OUTBOX_RELAY} ], $ENV{BENCH_BEFORE} ? [ $before, $ENV{BENCH_BEFORE} ] : (), @fixed);
    $server->proxy->command(broker => delay => $point->{round_trip_ms} / 2);
    my $drain = sub { my ($candidate, @more) = @_; my ($name, $program, @arguments) = @$candidate;
        return drain($server, $backlog, relay(kafka => 1, program => $program, args => [ @arguments, @more ]), 'outbox') };
    warm_up($seconds, sub { $drain->($candidates[0]) });
    for my $round (1 .. $bench->runs) {
        for my $candidate ($bench->candidates(@candidates)) {
            $result->add($point->{name}, $candidate->[0], per_event($drain->($candidate), $backlog->{events}));
        }
        $bench->say("$point->{name}: round $round");
    }
    my @samples = trace(sub { $drain->($candidates[0], @_) });
    $server->proxy->command(broker => delay => 0);
    return \@samples;
}

sub _judge {
    my ($result, $shape, @samples) = @_;
    my $point = $shape->{name};
    my $rate = sub { return $result->median($point, $_[0], 'rate') // 0 };
    my ($best) = sort { $rate->($b) <=> $rate->($a) } map { "$_ events" } @bounds;
    $result->note(sprintf '%s: %.2f times the rate of the relay before', $point, $rate->($own) / $rate->($before)) if $rate->($before);
    $result->verdict("$point: against the best bound of a search, $best", $rate->($best) ? $rate->($own) / $rate->($best) : undef, '>=', 0.95, '%.2f');
    # A turn of all partitions takes longer where they are many and far away, because five requests are on their way to a broker.
    my $turns_s = 8 * $shape->{topics} * $shape->{partitions} / 5 * $shape->{round_trip_ms} / 1000;
    $result->verdict("$point: seconds until what is in flight has settled", settled_s(@samples), '<=', max(1, $turns_s), '%.1f');
    return;
}

1;
