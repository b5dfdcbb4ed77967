# Peers: the backlogs of the case drain, delivered by other relays and by outbox-relay, in turn, with one server and one broker. outbox-relay reads
# messages of outbox.emit, Debezium rows of its outbox table, and the Go relay either, messages also without validating their JSON.
#
# The time ends when the topic has all records, and begins when the program reads the slot. Java's virtual machine has started by then, but its code
# is not compiled yet; "2nd half" is the rate for the second half of the events.
package peers;

use strict;
use warnings;

use Bench::Drain qw(drain relay per_event);
use Bench::Peers qw(set_up go debezium has_go has_debezium);
use Bench::Result;
use Bench::Server;
use List::Util qw(max min);

my @shapes = (
    { name => '1/txn 200 B', per_transaction => 1, bytes => 200, events => 300_000 },
    { name => '100/txn 200 B', per_transaction => 100, bytes => 200, events => 1_000_000 },
);

my @figures = (
    [ rate => 'events/s', '%.0f' ], [ half_rate => '2nd half', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ both_us => 'with walsender us', '%.2f' ],
    [ broker_us => 'broker us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ], [ others => 'others %', '%.0f' ],
);

my $ours = 'outbox-relay';
my $debezium = 'Debezium, table';
my @go = ('Go relay, table', 'Go relay, messages', 'Go relay, messages, no validation');
my @messages = qw(-mode messages -prefix peer);

# name, program, plugin, the function that writes an event
my @candidates = (
    [ $ours, relay(kafka => 1, seen => 'arrived'), 'outbox', 'outbox.emit' ],
    [ $go[0], go('outbox_table'), 'pgoutput', 'row_event' ],
    [ $debezium, debezium(), 'pgoutput', 'row_event' ],
    [ $go[1], go('nothing', @messages), 'pgoutput', 'message_event' ],
    [ $go[2], go('nothing', @messages, '-gjson'), 'pgoutput', 'message_event' ],
);

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('peers', @figures);
    my $server = Bench::Server->start;
    set_up($server);
    my @present = grep { _is_here($_->[0]) } $bench->candidates(@candidates);
    $result->note("$_: not measured, it could not be fetched (PEERS=1 does that)") for grep { !_is_here($_) } map { $_->[0] } @candidates;
    die "neither the Go relay nor Debezium is here: make bench PEERS=1 fetches them\n" if !grep { $_->[0] ne $ours } @present;
    for my $shape ($bench->chosen(\@shapes)) {
        my $events = $bench->scaled($shape->{events}, $shape->{per_transaction});
        $bench->say("$shape->{name}: $events events");
        for my $round (0 .. $bench->runs) {    # in round 0 the broker compiles its code
            _round($round ? $result : undef, $server, { %$shape, events => $events }, @present);
            _tell($bench, $result, $shape->{name}, $round) if $round;
        }
        _judge($result, $shape->{name});
    }
    return $result;
}

sub _is_here { my ($name) = @_; return $name =~ /^Go/ ? has_go() : $name =~ /^Debezium/ ? has_debezium() : 1 }

# A backlog for each way to write an event, and the candidates that read it.
sub _round {
    my ($result, $server, $shape, @candidates) = @_;
    my ($backlog, $written) = (undef, '');
    for my $candidate (@candidates) {
        my ($name, $program, $plugin, $emit) = @$candidate;
        next if !$result && $name ne $ours;
        if ($emit ne $written) {
            $server->sql('TRUNCATE outbox_table');
            $backlog = $server->backlog(%$shape, topic => 'peers', emit => $emit);
            $written = $emit;
        }
        $server->fresh_topic('peers');
        my $used = drain($server, $backlog, $program, $plugin);
        $result->add($shape->{name}, $name, _figures($used, $backlog->{events})) if $result;
    }
    return;
}

sub _figures {
    my ($used, $events) = @_;
    my %figures = per_event($used, $events);
    my $half_rate = $used->{half_seconds} > 0 ? $events / 2 / $used->{half_seconds} : undef;
    return %figures, half_rate => $half_rate, both_us => $figures{program_us} + $figures{walsender_us};
}

sub _tell {
    my ($bench, $result, $point, $round) = @_;
    $bench->say("$point: round $round of " . $bench->runs . ': '
        . join ', ', map { sprintf '%s %.0f', $_, $result->{values}{$point}{$_}{rate}[-1] } $result->candidates($point));
    return;
}

# Compared with the fastest way of the Go relay.
sub _judge {
    my ($result, $point) = @_;
    my $figures = sub { my ($name, @candidates) = @_; return grep { defined } map { $result->median($point, $_, $name) } @candidates };
    my $against = sub {
        my ($name, $best, @rivals) = @_;
        my ($own) = $figures->($name, $ours);
        my @theirs = $figures->($name, @rivals);
        return $own && @theirs ? $own / $best->(@theirs) : undef;
    };
    $result->verdict("$point: rate against the fastest Go relay", $against->('rate', \&max, @go), '>=', 1.4, '%.2f');
    $result->verdict("$point: rate against Debezium", $against->('rate', \&max, $debezium), '>=', 5, '%.2f');
    for my $rival ([ 'the thriftiest Go relay', @go ], [ 'Debezium', $debezium ]) {
        my ($name, @rivals) = @$rival;
        $result->verdict("$point: CPU per event against $name", $against->('program_us', \&min, @rivals), '<=', 1, '%.2f');
        $result->verdict("$point: CPU with walsender against $name", $against->('both_us', \&min, @rivals), '<=', 1, '%.2f');
    }
    my $warm = $against->('half_rate', \&max, $debezium);
    $result->note(sprintf '%s: in the second half of the events %.1f times as fast as Debezium', $point, $warm) if $warm;
    return;
}

1;
