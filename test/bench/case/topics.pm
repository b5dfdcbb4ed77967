# Topics: the cost of many topics in a drain. Each round measures every number of topics, so that changes of the machine's speed affect all alike. A
# first drains to the topics are not measured: the broker creates a partition's index files with its first record, and its Java compiles what serves a
# request while some ten thousand requests come, which takes as much CPU time as they do. A drain has to be long, because the relay has to learn first how
# much is in flight. BENCH_BEFORE: the path of another relay to compare with, such as an earlier one. A bare librdkafka producer stands beside the relay: with as many events in flight as the relay
# has room for, and with more and a longer linger, which is the floor of what the requests cost.
package topics;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain relay sink per_event);
use Bench::Result;
use Bench::Server;

my $events = 1_000_000;
my @counts = (1, 100, 1000, 3000);
my $own = 'relay to Kafka';
# events in flight, linger in milliseconds
my @sinks = ([ 'sink: 90,000 in flight', 90_000, 2 ], [ 'sink: 200,000 in flight, linger 50 ms', 200_000, 50 ]);

my @figures = ([ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ walsender_us => 'walsender us', '%.2f' ],
    [ broker_us => 'broker us', '%.2f' ], [ cpu_us => 'sum us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ], [ others => 'others %', '%.0f' ]);

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('topics', @figures);
    my $server = Bench::Server->start;
    my @candidates = ([ $own, $ENV{OUTBOX_RELAY} ], $ENV{BENCH_BEFORE} ? [ 'the relay before', $ENV{BENCH_BEFORE} ] : ());
    my @points = $bench->chosen([ map { { name => $_ == 1 ? '1 topic' : "$_ topics", topics => $_ } } @counts ]);
    $server->topics("topics_$_->{topics}_", $_->{topics}, 1) for @points;
    for my $round (0 .. $bench->runs) {
        for my $point (@points) {
            my $size = $bench->scaled($events, 100);
            my $backlog = $server->backlog(events => $size, per_transaction => 100, bytes => 200, topic_of => "'topics_$point->{topics}_' || n % $point->{topics}");
            my $drain = sub { drain($server, $backlog, relay(kafka => 1, program => $_[0][1]), 'outbox') };
            if (!$round) {
                my %figures = per_event($drain->($candidates[0]), $size);
                $result->note(sprintf '%s: %.0f events/s where the topics are new, relay %.2f us, broker %.2f us', $point->{name}, @figures{qw(rate program_us broker_us)});
                warm_up($bench->seconds($point->{topics} > 1 ? 60 : 15), sub { $drain->($candidates[0]) });
                next;
            }
            for my $candidate (@candidates) {
                my %figures = per_event($drain->($candidate), $size);
                $result->add($point->{name}, $candidate->[0], %figures);
                $bench->say(sprintf '%s: round %d: %s %.0f events/s', $point->{name}, $round, $candidate->[0], $figures{rate});
            }
            for my $candidate ($bench->candidates(@sinks)) {
                my ($name, @settings) = @$candidate;
                my %backlog = (%$backlog, topic => "topics_$point->{topics}_", events => $size);
                $result->add($point->{name}, $name, per_event(sink($server, \%backlog, $point->{topics}, @settings), $size));
            }
        }
    }
    _judge($result);
    return $result;
}

sub _judge {
    my ($result) = @_;
    my $rate = sub { return $result->median($_[0], $own, 'rate') };
    my ($one, $thousand, $three) = map { $rate->($_) } '1 topic', '1000 topics', '3000 topics';
    for my $point ($result->points) {
        my $before = $result->median($point, 'the relay before', 'rate');
        $result->note(sprintf '%s: %.2f times the rate of the relay before', $point, $rate->($point) / $before) if $before;
        $result->note(sprintf '%s: %.2f of the rate with 1 topic', $point, $rate->($point) / $one) if $one && $point ne '1 topic';
        for my $candidate (map { $_->[0] } @sinks) {
            my ($at_one, $here) = map { $result->median($_, $candidate, 'cpu_us') } '1 topic', $point;
            $result->note(sprintf '%s: %s: with 1 topic %.2f of the CPU time an event', $point, $candidate, $at_one / $here) if $at_one && $here && $point ne '1 topic';
        }
    }
    $result->verdict('1000 topics against 1', $one && $thousand ? $thousand / $one : undef, '>=', 0.6, '%.2f');
    $result->verdict('3000 topics against 1000: no more than their number', $thousand && $three ? $three / $thousand : undef, '>=', 0.33, '%.2f');
    return;
}

1;
