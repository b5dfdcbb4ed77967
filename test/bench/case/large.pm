# Large: a backlog of large events to Kafka, compared with librdkafka from memory, and the memory that the relay takes: no more than
# --max-in-flight-bytes, three of the largest events, and what its process has without any event.
package large;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain relay sink per_event);
use Bench::Result;
use Bench::Server;
use List::Util qw(max);

my @shapes = (
    { name => '100 kB', bytes => 100_000, events => 4000 },
    { name => '1 MB', bytes => 1_000_000, events => 400 },
    { name => '10 MB', bytes => 10_000_000, events => 40 },
);
my $message_max = 16 << 20;    # of topic and relay
my ($default_mb, $small_mb, $process_mb) = (256, 32, 16);

my @figures = ([ rate => 'events/s', '%.0f' ], [ mb_s => 'MB/s', '%.0f' ], [ program_us => 'CPU us', '%.0f' ], [ walsender_us => 'walsender us', '%.0f' ], [ broker_us => 'broker us', '%.0f' ],
    [ peak_mb => 'peak MB', '%.1f' ], [ others => 'others %', '%.0f' ]);

my @larger = ('-X', "message.max.bytes=$message_max");
my ($own, $small, $once) = ('relay to Kafka', "relay to Kafka, $small_mb MB in flight", 'relay to Kafka, exactly once');
my %relay = (
    $own => relay(kafka => 1, args => \@larger),
    $small => relay(kafka => 1, args => [ @larger, '--max-in-flight-bytes', $small_mb << 20 ]),
    $once => relay(kafka => 1, delivery => 'exactly-once', args => \@larger),
);
# events in flight, of some 700 bytes each: 8 and 64 MB
my %sink = ('sink: 8 MB in flight' => 12_000, 'sink: 64 MB in flight' => 92_000);

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('large', @figures);
    my $server = Bench::Server->start;
    $server->node->append_conf('postgresql.conf', q{outbox.max_event_bytes = '16MB'});
    $server->node->reload;
    $server->sql(q{SET outbox.max_event_bytes = '16MB'});    # at once
    my @candidates = $bench->candidates(map { [$_] } $own, $small, $once, sort keys %sink);
    my $warm_up_seconds = 30;
    for my $shape ($bench->chosen(\@shapes)) {
        my $backlog = $server->backlog(%$shape, per_transaction => 1, events => $bench->scaled($shape->{events}), topic => 'large');
        warm_up($bench->seconds($warm_up_seconds), sub { _measure($server, $backlog, $own) });
        $warm_up_seconds = 5;
        for my $round (1 .. $bench->runs) {
            for my $name (map { $_->[0] } @candidates) {
                my %figures = per_event(_measure($server, $backlog, $name), $backlog->{events});
                $result->add($shape->{name}, $name, %figures, mb_s => $figures{rate} * $shape->{bytes} / 1e6);
            }
            $bench->say("$shape->{name}: round $round");
        }
        _judge($result, $shape);
    }
    return $result;
}

sub _measure {
    my ($server, $backlog, $name) = @_;
    $server->fresh_topic('large', undef, "max.message.bytes=$message_max");
    return $relay{$name} ? drain($server, $backlog, $relay{$name}, 'outbox') : sink($server, $backlog, 0, $sink{$name}, 2);
}

sub _judge {
    my ($result, $shape) = @_;
    my $point = $shape->{name};
    my $rate = sub { return $result->median($point, $_[0], 'rate') };
    my $best = max(grep { defined } map { $rate->($_) } keys %sink);
    $result->verdict("$point: against the better sink", $best && $rate->($own) ? $rate->($own) / $best : undef, '>=', 0.8, '%.2f');
    $result->verdict("$point: exactly once against at least once", $rate->($once) && $rate->($own) ? $rate->($once) / $rate->($own) : undef, '>=', 0.5, '%.2f');
    for my $bound ([ $own, $default_mb ], [ $small, $small_mb ]) {
        my $most = $bound->[1] + 3 * $shape->{bytes} / (1 << 20) + $process_mb;
        $result->verdict("$point: $bound->[0]: peak resident MB", $result->median($point, $bound->[0], 'peak_mb'), '<=', $most, '%.1f');
    }
    return;
}

1;
