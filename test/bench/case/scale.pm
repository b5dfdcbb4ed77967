# Scale: a drain with more slots, each with its share of the topics and a relay of its own; with more topics; with more partitions; and with larger
# transactions, for which the relay must not need more memory, because it keeps the events that Kafka has not acknowledged, and no whole transaction.
# A first drain to the topics is not measured, because the broker creates a partition's index files with its first record.
package scale;

use strict;
use warnings;

use Bench::Drain qw(warm_up drain_all relay per_event);
use Bench::Result;
use Bench::Server;
use List::Util qw(max min);

my $events = 500_000;
my $slot_topics = 4;

my @figures = ([ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ walsender_us => 'walsender us', '%.2f' ],
    [ broker_us => 'broker us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ], [ others => 'others %', '%.0f' ]);

my $relay = 'relay to Kafka';

my @points = (
    (map { { name => _plural($_, 'slot'), slots => $_, topics => $slot_topics, partitions => 6, per_transaction => 100 } } 1, 2, 4),
    (map { { name => "1 topic of $_ partitions", topics => 1, partitions => $_, per_transaction => 100 } } 6, 48, 300),
);

# Each topic has one partition, so that only the number of topics differs. This part is last, because its topics stay.
my @topics = map { { name => _plural($_, 'topic') . ' of 1 partition', topics => $_, partitions => 1, per_transaction => 100 } } 1, 100, 1000;
my @sizes = (1000, 10_000, 100_000, 1_000_000, 5_000_000);

sub _plural { my ($count, $what) = @_; return "$count $what" . ($count > 1 ? 's' : '') }

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('scale', @figures);
    my $server = Bench::Server->start;
    my @transactions = $bench->chosen([ map { _transaction($bench, $_) } @sizes ]);
    for my $point ({ %{ $points[0] }, name => 'warm-up' }, $bench->chosen(\@points), @transactions, $bench->chosen(\@topics)) {
        _measure($bench, $result, $server, { events => $bench->scaled($events, 100), %$point });
    }
    _judge($result, map { $_->{name} } @transactions);
    return $result;
}

# The total number of events is the same, so that only the size of transactions differs; a larger transaction comes once.
sub _transaction {
    my ($bench, $size) = @_;
    my $in_one = $bench->scaled($size);
    my $count = max(1, int($bench->scaled(1_000_000) / $in_one));
    return { name => "$in_one/txn", topics => 1, partitions => 6, events => $in_one * $count, per_transaction => $in_one };
}

sub _measure {
    my ($bench, $result, $server, $point) = @_;
    my $topics = "scale_$point->{topics}_$point->{partitions}_";
    $server->topic("$topics$_", $point->{partitions}) for 0 .. $point->{topics} - 1;
    my $backlog = $server->backlog(%$point, bytes => 200, topic_of => "'$topics' || n % $point->{topics}");
    my @relays = map { relay(kafka => 1, args => $_) } $point->{slots} ? map { [ '--topics', $_ ] } _shares($point, $topics) : [];
    my $drain = sub { return drain_all($server, $backlog, 'outbox', @relays) };
    return warm_up($bench->seconds(60), $drain) if $point->{name} eq 'warm-up';
    my $first = $drain->();
    my %new = per_event($first, $point->{events});
    $result->note(sprintf '%s: %.0f events/s where the topics are new, broker %.2f us', $point->{name}, @new{qw(rate broker_us)});
    for my $round (1 .. $bench->runs) {
        $result->add($point->{name}, $relay, per_event($drain->(), $point->{events}));
        $bench->say(sprintf '%s: round %d: %.0f events/s', $point->{name}, $round, $result->{values}{ $point->{name} }{$relay}{rate}[-1]);
    }
    return;
}

# The topics of each slot.
sub _shares {
    my ($point, $topics) = @_;
    my @shares;
    push @{ $shares[ $_ % $point->{slots} ] }, "$topics$_" for 0 .. $point->{topics} - 1;
    return map { join ',', @$_ } @shares;
}

sub _judge {
    my ($result, @transactions) = @_;
    my @peaks = grep { defined } map { $result->median($_, $relay, 'peak_mb') } @transactions;
    $result->verdict("$_: peak resident MB of the relay", $result->median($_, $relay, 'peak_mb'), '<=', 32, '%.1f') for @transactions;
    $result->verdict('largest peak of any size of transaction against the smallest', max(@peaks) / min(@peaks), '<=', 1.25, '%.2f') if @peaks > 1;
    my $rate = sub { my ($name) = @_; return $result->median($name, $relay, 'rate') };
    for my $row ([ '2 slots', '1 slot' ], [ '4 slots', '1 slot' ], [ '1000 topics of 1 partition', '1 topic of 1 partition' ],
        [ '1 topic of 300 partitions', '1 topic of 6 partitions' ]) {
        my ($value, $base) = map { $rate->($_) } @$row;
        $result->note(sprintf '%s: %.2f of the rate with %s', $row->[0], $value / $base, $row->[1]) if $value && $base;
    }
    return;
}

1;
