# The result of a case: values by point (the load), candidate (the program) and figure, and verdicts. Several values of one place are repetitions: the
# result is their median, and the table has their spread. Written as a table, and as JSON.
package Bench::Result;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use List::Util qw(max);

our @EXPORT_OK = qw(median_of);

# new(case, [name, heading, format], ...): the figures of the table. The table has the spread of the first figure.
sub new {
    my ($class, $case, @figures) = @_;
    return bless { case => $case, figures => \@figures, points => [], values => {}, candidates => {}, verdicts => [], notes => [] }, $class;
}

sub add {
    my ($self, $point, $candidate, %values) = @_;
    push @{ $self->{points} }, $point if !$self->{candidates}{$point};
    my $known = $self->{candidates}{$point} //= [];
    push @$known, $candidate if !grep { $_ eq $candidate } @$known;
    push @{ $self->{values}{$point}{$candidate}{$_} }, $values{$_} for grep { defined $values{$_} } keys %values;
    return;
}

sub points { return @{ $_[0]{points} } }
sub candidates { my ($self, $point) = @_; return @{ $self->{candidates}{$point} // [] } }
sub figures { return @{ $_[0]{figures} } }
sub note { my ($self, $text) = @_; push @{ $self->{notes} }, $text; return }
sub notes { return @{ $_[0]{notes} } }
sub verdicts { return @{ $_[0]{verdicts} } }

# A function that returns a script for gnuplot, for a picture other than bars.
sub plot { my ($self, $code) = @_; $self->{plot} = $code if $code; return $self->{plot} }

sub _sorted { my ($self, $point, $candidate, $figure) = @_; return sort { $a <=> $b } @{ $self->{values}{$point}{$candidate}{$figure} // [] } }

sub median { my ($self, $point, $candidate, $figure) = @_; return median_of(@{ $self->{values}{$point}{$candidate}{$figure} // [] }) }

sub median_of {
    my @sorted = sort { $a <=> $b } @_;
    return undef if !@sorted;    # undef in list context, too
    return ($sorted[ int($#sorted / 2) ] + $sorted[ int(@sorted / 2) ]) / 2;
}

# Half the difference between the largest and the smallest value, in per cent of the median: "±".
sub spread {
    my @sorted = _sorted(@_);
    my $median = median(@_);
    return @sorted > 1 && $median ? 50 * ($sorted[-1] - $sorted[0]) / $median : undef;
}

# verdict(name, value, '>=' or '<=', bound, format): compares a value with its bound. Without a value there is no verdict.
sub verdict {
    my ($self, $name, $value, $relation, $bound, $format) = @_;
    return if !defined $value;
    my $holds = $relation eq '>=' ? $value >= $bound : $value <= $bound;
    push @{ $self->{verdicts} }, { name => $name, value => $value + 0, relation => $relation, bound => $bound + 0, holds => $holds ? 1 : 0,
        text => sprintf "%s: $format, wanted %s $format", $name, $value, $relation, $bound };
    return;
}

# The table in Markdown, with a row for each point and candidate.
sub table {
    my ($self) = @_;
    my @rows = ([ 'point', '', map { $_->[1] } $self->figures ]);
    for my $point ($self->points) {
        push @rows, $self->_row($point, $_) for $self->candidates($point);
    }
    my @widths = map { my $column = $_; max map { length $_->[$column] } @rows } 0 .. $#{ $rows[0] };
    my ($heading, @lines) = map { _line($_, \@widths) } @rows;
    my $rule = '|' . join('|', map { '-' x ($widths[$_] + 1) . ($_ < 2 ? '-' : ':') } 0 .. $#widths) . '|';
    return join '', map { "$_\n" } $heading, $rule, @lines;
}

sub _row {
    my ($self, $point, $candidate) = @_;
    my @cells = map { $self->_cell($point, $candidate, $_) } $self->figures;
    my $spread = $self->spread($point, $candidate, ($self->figures)[0][0]);
    $cells[0] .= sprintf ' +-%2.0f%%', $spread if defined $spread;
    return [ $point, $candidate, @cells ];
}

sub _cell {
    my ($self, $point, $candidate, $figure) = @_;
    my ($name, undef, $format) = @$figure;
    my $median = $self->median($point, $candidate, $name);
    return '' if !defined $median;
    my $text = sprintf $format, $median;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

sub _line {
    my ($cells, $widths) = @_;
    return '| ' . join(' | ', map { sprintf $_ < 2 ? '%-*s' : '%*s', $widths->[$_], $cells->[$_] } 0 .. $#$cells) . ' |';
}

# The JSON for report and readme, with `about`: versions, machine, command.
sub json {
    my ($self, %about) = @_;
    my %points;
    for my $point ($self->points) {
        for my $candidate ($self->candidates($point)) {
            my $values = $self->{values}{$point}{$candidate};
            $points{$point}{$candidate} = { map { $_ => { median => $self->median($point, $candidate, $_), values => $values->{$_} } } keys %$values };
        }
    }
    return JSON::PP->new->canonical->pretty->encode({ %about, case => $self->{case}, order => $self->{points}, points => \%points,
        candidates => $self->{candidates}, verdicts => $self->{verdicts}, notes => $self->{notes}, table => $self->table });
}

1;
