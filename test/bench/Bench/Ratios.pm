# README's three sentences of ratios, computed from the figures in README's own table, so that a reader can check them.
package Bench::Ratios;

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max min);

our @EXPORT_OK = qw(ratios);

# The sentences, from the rows of the table as text. A sentence whose rows were not measured is left out.
sub ratios {
    my ($table) = @_;
    my @rows = map { [ /^\| (.*) \| (.*) \|$/ ] } grep { /^\| [^\s|-]/ } split /\n/, $table;
    my @own = (figures(\@rows, qr/^a backlog to Kafka, one/), figures(\@rows, qr/^the same, 100 a transaction/));
    my @own_cpu = figures(\@rows, qr/^the relay's CPU/);
    my @lines;
    for my $peer ([ 'Debezium with an outbox table', qr/^Debezium/ ], [ 'a relay of the usual Go libraries, in the better one of its two forms each', qr/^a relay of the usual|trusting the JSON/ ]) {
        my ($name, $pattern) = @$peer;
        my (@rates, @costs);
        for my $i (grep { $rows[$_][0] =~ $pattern } 0 .. $#rows - 1) {
            push @rates, [ numbers($rows[$i][1]) ];
            push @costs, [ numbers($rows[ $i + 1 ][1]) ];
        }
        next if @own != 2 || @own_cpu != 2 || !@rates;
        my @rate = map { my $n = $_; $own[$n] / max(map { $_->[$n] } @rates) } 0, 1;
        my @cost = map { my $n = $_; min(map { $_->[$n] } @costs) / $own_cpu[$n] } 0, 1;
        push @lines, sprintf '- Against %s: %.1f and %.1f times the events a second%s, %.1f and %.1f times less CPU for an event.',
            $name, @rate, @lines ? '' : ' (a backlog of 1 and 100 events a transaction)', @cost;
    }
    my @emit = figures(\@rows, qr/^`outbox\.emit`/);
    my @table = figures(\@rows, qr/^a row in an outbox table/);
    push @lines, sprintf '- `outbox.emit` against a row in an outbox table and its DELETE: %.1f times less CPU of the server, %.1f times less WAL.',
        map { $table[$_] / $emit[$_] } 0, 1
        if @emit == 2 && @table == 2;
    return join '', map { "$_\n" } @lines;
}

sub figures {
    my ($rows, $pattern) = @_;
    my ($row) = grep { $_->[0] =~ $pattern } @$rows;
    return $row ? numbers($row->[1]) : ();
}

sub numbers { my ($text) = @_; return map { tr/,//dr } $text =~ /(\d[\d,]*(?:\.\d+)?)/g }

1;
