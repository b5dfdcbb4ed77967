# The history of a chaos run: a file with one JSON object a line, and a summary as a table.
package Outbox::Chaos::History;

use strict;
use warnings;

use File::Path qw(make_path);
use JSON::PP ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical;

sub new {
    my ($class, $folder, $name) = @_;
    make_path($folder);
    my $path = "$folder/$name.jsonl.gz";
    open my $file, '|-', "exec gzip -1 >'$path'" or die "gzip: $!";
    return bless { file => $file, path => $path, faults => {}, counts => {}, violations => {} }, $class;
}

sub path { return $_[0]{path} }

sub write {
    my ($self, $what, %fields) = @_;
    print { $self->{file} } $json->encode({ t => 0 + sprintf('%.3f', time), what => $what, %fields }), "\n";
    return;
}

sub fault {
    my ($self, $fault) = @_;
    $self->{faults}{ $fault->{kind} }++;
    my %fields = %$fault;
    delete @fields{qw(resources steps)};
    $self->write('fault', %fields);
    return;
}

sub count { my ($self, $counts) = @_; $self->{counts}{$_} += $counts->{$_} for keys %$counts; return }

sub close { my ($self) = @_; CORE::close $self->{file}; return }

# The summary, line by line.
sub table {
    my ($self, $title, $violations) = @_;
    my $faults = $self->{faults};
    my $total = 0;
    $total += $_ for values %$faults;
    my @lines = ($title, map { sprintf '  %-16s %8d', $_, $faults->{$_} } sort keys %$faults);
    push @lines, sprintf '  %-16s %8d', 'faults in all', $total;
    push @lines, '';
    push @lines, sprintf '  %-28s %10d', $_->[0], $self->{counts}{ $_->[1] } // 0
        for [ 'transactions', 'transactions' ], [ 'of unknown outcome', 'unknown' ], [ 'events emitted (committed)', 'emitted' ],
        [ 'events rolled back', 'rolled_back' ], [ 'events delivered', 'delivered' ], [ 'duplicates', 'duplicates' ],
        [ 'sessions of relays', 'sessions' ], [ 'samples of the slot', 'samples' ];
    push @lines, sprintf '  %-28s %10d', 'violations', $violations;
    return @lines;
}

1;
