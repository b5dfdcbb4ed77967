# The results of all cases, read from the files that bench.pl has written, for report and readme.
package Bench::Report;

use strict;
use warnings;

use JSON::PP ();
use Outbox::File qw(slurp);

# The order of cases in a report; other cases follow.
my @order = qw(drain latency emit interference scale peers smoke);

# load(folder): dies where there is no result.
sub load {
    my ($class, $folder) = @_;
    my %cases = map { m{([^/]+)\.json$}; $1 => JSON::PP::decode_json(slurp($_)) } glob "$folder/*.json";
    die "no results in $folder: run make bench first\n" if !%cases;
    return bless { cases => \%cases, folder => $folder }, $class;
}

sub cases {
    my ($self) = @_;
    my %left = %{ $self->{cases} };
    return ((grep { delete $left{$_} } @order), sort keys %left);
}

sub case { my ($self, $name) = @_; return $self->{cases}{$name} }

# The median of a figure; undef where the figure was not measured.
sub value {
    my ($self, $case, $point, $candidate, $figure) = @_;
    return (((($self->{cases}{$case} // {})->{points}{$point} // {})->{$candidate} // {})->{$figure} // {})->{median};
}

sub picture {
    my ($self, $case) = @_;
    my $path = "$self->{folder}/$case.svg";
    return -s $path ? $path : undef;
}

# The circumstances of a case's measurement, in one sentence.
sub about {
    my ($self, $name) = @_;
    my $case = $self->case($name);
    my ($machine, $versions) = @$case{qw(machine versions)};
    my ($postgresql) = $versions->{postgresql} =~ /([\d.]+)/;
    my ($librdkafka) = $versions->{relay} =~ /(librdkafka [\d.]+)/;
    my $kafka = "Apache Kafka $versions->{kafka}";
    return "$machine->{cores} cores ($machine->{processor}), $machine->{memory_gb} GB, $machine->{kernel}; "
        . join(', ', "PostgreSQL $postgresql", $kafka, $librdkafka // ()) . ", all on this one machine, over loopback; $case->{date}";
}

1;
