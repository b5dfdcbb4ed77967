# README's figures: the table and the sentences of ratios, from the runs in test/bench/runs. Of several runs, on other days or machines, each figure is
# the range from the smallest value to the largest. A ratio is taken within a run, in which both sides took turns.
package Bench::Figures;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use List::Util qw(max min);
use Outbox::File qw(slurp);

our @EXPORT_OK = qw(places runs table ratios);

# The rows: name, format, and the places of the values in the results: case, point, candidate, figure.
my @single = ('drain', '1/txn 200 B');
my @batch = ('drain', '100/txn 200 B');
my @emit = ('emit', '200 B, 10/txn, 1 client');
my @steady = ('latency', '500/s');
my @quarter = ('latency', '25% of capacity');
my @half = ('latency', '50% of capacity');
my @peers = map { [ 'peers', $_ ] } '1/txn 200 B', '100/txn 200 B';
my ($relay, $once) = ('relay to Kafka', 'relay to Kafka, exactly once');
my ($debezium, @go) = ('Debezium, table', 'Go relay, messages', 'Go relay, messages, no validation');

sub _under_load { my (@point) = @_; return map { [ @point, 'at-least-once', $_ ] } qw(visible_50 visible_99 rate) }
sub _peers { my ($candidate, $figure) = @_; return map { [ @$_, $candidate, $figure ] } @peers }

my @rows = (
    [ 'a backlog to Kafka, one event a transaction', '%s events/s', [ @single, $relay, 'rate' ] ],
    [ 'the same, 100 a transaction', '%s events/s', [ @batch, $relay, 'rate' ] ],
    [ 'the same two, exactly once', '%s and %s events/s', [ @single, $once, 'rate' ], [ @batch, $once, 'rate' ] ],
    [ "the relay's CPU for an event, 1 and 100 a transaction", '%.1f and %.1f µs', map { [ @$_, $relay, 'program_us' ] } \@single, \@batch ],
    [ "the relay's memory at its peak, 200 bytes an event", '%.0f MB', [ @batch, $relay, 'peak_mb' ] ],
    [ 'from COMMIT to a consumer at 500 events/s, p50 and p99', '%.1f and %.1f ms', map { [ @steady, 'at-least-once', $_ ] } qw(visible_50 visible_99) ],
    [ 'the same, exactly once', '%.0f and %.0f ms', map { [ @steady, 'exactly-once', $_ ] } qw(visible_50 visible_99) ],
    [ 'from COMMIT to a consumer at a quarter of what writers, relay, broker and consumer carry together', '%.1f and %.1f ms at %s events/s', _under_load(@quarter) ],
    [ 'the same at half of it', '%.1f and %.1f ms at %s events/s', _under_load(@half) ],
    [ "`outbox.emit` in the transaction, 200 bytes, ten events: the server's CPU for one, and WAL", '%.1f µs, %.0f bytes', map { [ @emit, 'outbox.emit', $_ ] } qw(cpu_us wal_bytes) ],
    [ 'a row in an outbox table and its DELETE instead', '%.1f µs, %.0f bytes', map { [ @emit, 'table: INSERT, DELETE', $_ ] } qw(cpu_us wal_bytes) ],
    map { ([ "$_->[0], a backlog of 1 and 100 a transaction", '%s and %s events/s', _peers($_->[1], 'rate') ],
        [ 'its CPU for an event', '%.1f and %.1f µs', _peers($_->[1], 'program_us') ]) }
        [ 'Debezium instead, from an outbox table', $debezium ],
        [ 'a relay of the usual Go libraries instead', $go[0] ],
        [ 'the same, trusting the JSON', $go[1] ],
);

# All places whose values a run keeps.
sub places { return ((map { my (undef, undef, @places) = @$_; @places } @rows), (map { my $figure = $_; map { _peers($_, $figure) } 'outbox-relay' } qw(rate program_us))) }

# The runs of a folder, in the order of their names: {about => the circumstances, figures => {place => value}}.
sub runs {
    my ($folder) = @_;
    return map { JSON::PP::decode_json(slurp($_)) } sort glob "$folder/*.json";
}

# The table, and below it the circumstances of each run. Rows that no run has measured are left out.
sub table {
    my (@runs) = @_;
    my @written = map { _row(\@runs, @$_) } @rows;
    my $days = join '; ', map { $_->{about} } @runs;
    return join '', "| | |\n|---|---:|\n", @written, "\n`make bench PEERS=1` on $days. A row of one value was measured on one of these days. Each day: [test/bench/runs](test/bench/runs); more: [test/bench/RESULTS.md](test/bench/RESULTS.md).\n";
}

# The sentences. One whose figures no run has measured is left out.
sub ratios {
    my (@runs) = @_;
    my @lines;
    for my $peer ([ 'Debezium with an outbox table', $debezium ], [ 'a relay of the usual Go libraries, in the better one of its two forms each', @go ]) {
        my ($name, @rivals) = @$peer;
        my @rate = map { my $point = $_; _ratio(\@runs, sub { my ($of) = @_; $of->('peers', $point, 'outbox-relay', 'rate') / max(map { $of->('peers', $point, $_, 'rate') } @rivals) }) } map { $_->[1] } @peers;
        my @cost = map { my $point = $_; _ratio(\@runs, sub { my ($of) = @_; min(map { $of->('peers', $point, $_, 'program_us') } @rivals) / $of->('peers', $point, 'outbox-relay', 'program_us') }) } map { $_->[1] } @peers;
        next if grep { !defined } @rate, @cost;
        push @lines, sprintf "- Against %s: %s and %s times the events a second%s, %s and %s times less CPU for an event.\n",
            $name, @rate, @lines ? '' : ' (a backlog of 1 and 100 events a transaction)', @cost;
    }
    my @emit = map { my $figure = $_; _ratio(\@runs, sub { my ($of) = @_; $of->(@emit, 'table: INSERT, DELETE', $figure) / $of->(@emit, 'outbox.emit', $figure) }) } qw(cpu_us wal_bytes);
    push @lines, sprintf "- `outbox.emit` against a row in an outbox table and its DELETE: %s times less CPU of the server, %s times less WAL.\n", @emit if !grep { !defined } @emit;
    return join '', @lines;
}

# The range of a ratio over the runs that have measured all of its figures; undef where none has.
sub _ratio {
    my ($runs, $formula) = @_;
    my @values = map { my $figures = $_->{figures}; eval { $formula->(sub { $figures->{ join '/', @_ } // die "not measured\n" }) } // () } @$runs;
    return @values ? _range('%.1f', @values) : undef;
}

sub _row {
    my ($runs, $what, $format, @places) = @_;
    my @values = map { my $place = join '/', @$_; [ map { $_->{figures}{$place} // () } @$runs ] } @places;
    return if grep { !@$_ } @values;
    my $text = $format =~ s/(%[.\d]*[sf])/_range($1, @{ shift @values })/ger;
    return "| $what | $text |\n";
}

sub _range {
    my ($format, @values) = @_;
    my ($least, $most) = map { $format eq '%s' ? _thousands($_) : sprintf $format, $_ } min(@values), max(@values);
    return $least eq $most ? $least : "$least–$most";
}

# Rounds to three digits, because a measurement is no more precise.
sub _thousands {
    my ($value) = @_;
    my $step = 10**(length(int $value) - 3);
    my $text = sprintf '%.0f', $step > 1 ? $step * int($value / $step + 0.5) : $value;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

1;
