# In flight: whether the relay finds the best bound of the events in flight by itself. At each point, a number of partitions, a size of events and a way
# to the broker, the relay without a setting stands beside relays with fixed bounds, whose best one a search would find. All candidates take turns in one
# run, through a proxy that delays their bytes (test/chaos/proxy/main.cpp) and takes the same share of the machine from each. The best of several medians
# is also the luckiest one, so the search and the comparison use different rounds: in each round the relay without a setting is compared with the bound
# that is the best of the other rounds, and the median of these ratios counts. One more drain of the relay without a setting shows how its bound settles:
# the picture has a line for each point.
package inflight;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain relay per_event);
use Bench::Result qw(median_of);
use Bench::Server;
use Bench::Trace qw(trace settled_s lines);
use List::Util qw(max);

my $own = 'finds itself';
my $before = 'the relay before';
my @bounds = (3072, 6144, 12_288, 24_576, 49_152, 98_304);

my @figures = ([ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ broker_us => 'broker us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ],
    [ others => 'others %', '%.0f' ]);

# Each point has so many events that a drain takes some seconds, of which its start, some round trips, is a small part.
my @points = (
    { topics => 1, partitions => 1, round_trip_ms => 0, events => 2_000_000 },
    { topics => 1, partitions => 48, round_trip_ms => 0, events => 1_500_000 },
    { topics => 1, partitions => 300, round_trip_ms => 0, events => 1_000_000 },
    { topics => 100, partitions => 1, round_trip_ms => 0, events => 1_500_000 },
    { topics => 200, partitions => 3, round_trip_ms => 0, events => 1_000_000 },
    { topics => 1, partitions => 1, round_trip_ms => 4, events => 1_000_000 },
    { topics => 1, partitions => 1, round_trip_ms => 20, events => 600_000 },
    { topics => 1, partitions => 1, round_trip_ms => 100, events => 250_000 },
    { topics => 1, partitions => 48, round_trip_ms => 20, events => 1_000_000 },
    { topics => 1, partitions => 6, round_trip_ms => 0, bytes => 8000, events => 200_000 },
    { topics => 1, partitions => 6, round_trip_ms => 20, bytes => 8000, events => 200_000 },
    { topics => 1, partitions => 6, round_trip_ms => 0, bytes => 100_000, events => 8000 },
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
        my $events = $bench->scaled($point->{events}, 100);
        $server->topics($prefix, $point->{topics}, $point->{partitions});
        my $backlog = $server->backlog(%$point, events => $events, per_transaction => 100, bytes => $bytes, topic_of => "'$prefix' || n % $point->{topics}");
        $in_flight{ $point->{name} } = _measure($bench, $result, $server, $backlog, $point, $bench->seconds($warm_up_seconds));
        $warm_up_seconds = 15;
        $server->remove_topics($prefix, $point->{topics});    # at 8 kB the records of a point take tens of GB
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
        my @rates;
        for my $candidate ($bench->candidates(@candidates)) {
            my %figures = per_event($drain->($candidate), $backlog->{events});
            $result->add($point->{name}, $candidate->[0], %figures);
            push @rates, sprintf '%s %.0f', $candidate->[0], $figures{rate};
        }
        $bench->say("$point->{name}: round $round: " . join ', ', @rates);
    }
    my @samples = trace(sub { $drain->($candidates[0], @_) });
    $server->proxy->command(broker => delay => 0);
    return \@samples;
}

# The median, over the rounds, of a candidate's rate by that of the bound that is the best of all other rounds; and the name of the most frequent bound.
sub _against_the_best {
    my ($result, $point, $candidate) = @_;
    my $rates = sub { return @{ ($result->{values}{$point}{ $_[0] } // {})->{rate} // [] } };
    my @own = $rates->($candidate);
    my @searched = grep { $rates->($_) } map { "$_ events" } @bounds;
    return if @own < 3 || !@searched;
    my (@ratios, %times);
    for my $round (0 .. $#own) {
        my %elsewhere = map { my @rates = $rates->($_); splice @rates, $round, 1; $_ => median_of(@rates) } @searched;
        my ($best) = sort { $elsewhere{$b} <=> $elsewhere{$a} } @searched;
        push @ratios, $own[$round] / ($rates->($best))[$round];
        $times{$best}++;
    }
    my ($most) = sort { $times{$b} <=> $times{$a} || $a cmp $b } keys %times;
    return (median_of(@ratios), $most);
}

sub _judge {
    my ($result, $shape, @samples) = @_;
    my $point = $shape->{name};
    for my $candidate ($own, $before) {
        my ($ratio, $best) = _against_the_best($result, $point, $candidate) or next;
        my $what = "$point: against the best bound of a search, mostly $best";
        if ($candidate eq $own) { $result->verdict($what, $ratio, '>=', 0.95, '%.2f') }
        else { $result->note(sprintf '%s: %.2f (%s)', $what, $ratio, $candidate) }
    }
    # A turn of all partitions takes longer where they are many and far away, because five requests are on their way to a broker.
    my $turns_s = 8 * $shape->{topics} * $shape->{partitions} / 5 * $shape->{round_trip_ms} / 1000;
    $result->verdict("$point: seconds until the bound has settled", settled_s(@samples), '<=', max(1, $turns_s), '%.1f');
    return;
}

1;
