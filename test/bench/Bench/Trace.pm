# Samples of a relay's metric of what is in flight while the relay drains, every few hundredths of a second.
package Bench::Trace;

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max);
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(trace settled_s lines);

my $sample = <<'END_SH';
while sleep 0.02; do
    echo "$(date +%s.%N) $(curl -s -m 1 "http://127.0.0.1:$1/metrics" | sed -n 's/^outbox_relay_in_flight_bytes[^ ]* //p')"
done
END_SH

# Calls the drain with the options of a relay that is watched. Returns pairs: seconds since the first event in flight, and the bound then, in MB.
sub trace {
    my ($drain) = @_;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $file = PostgreSQL::Test::Utils::tempdir('trace') . '/samples';
    my $watcher = Outbox::Process->spawn(command => [ 'bash', '-c', $sample, 'sample', $port ], stdout => $file, stderr => '/dev/null');
    $drain->('--listen', "127.0.0.1:$port");
    $watcher->signal('KILL');
    $watcher->wait_for_exit(10);
    my @samples = map { /^([\d.]+) (\d+(?:\.\d+)?(?:e\+?\d+)?)$/ && $2 > 0 ? [ $1, $2 / 1e6 ] : () } split /\n/, slurp($file);
    return _bounds(map { [ $_->[0] - $samples[0][0], $_->[1] ] } @samples);
}

# The most in flight of the last two tenths of a second, at each sample. A batch that is acknowledged leaves a gap until the stream has filled it, and
# a sample may fall into that gap; the bound is what is in flight between the gaps.
sub _bounds {
    my (@samples) = @_;
    my @bounds;
    for my $last (0 .. $#samples) {
        my @recent = grep { $_->[0] >= $samples[$last][0] - 0.2 } @samples[ max(0, $last - 20) .. $last ];
        push @bounds, [ $samples[$last][0], max(map { $_->[1] } @recent) ];
    }
    return @bounds;
}

# The seconds after which what is in flight stays within half and double its median. The end of a drain, when nothing more comes, is left out.
sub settled_s {
    my (@samples) = @_;
    return if @samples < 10;
    my @most = @samples[ 0 .. int(@samples * 0.9) ];
    my @sorted = sort { $a <=> $b } map { $_->[1] } @most[ $#most / 2 .. $#most ];
    my $median = $sorted[ @sorted / 2 ];
    my ($last) = grep { $_->[1] < $median / 2 || $_->[1] > $median * 2 } reverse @most;
    return $last ? $last->[0] : 0;
}

# A script for gnuplot with a line for each name.
sub lines {
    my (%samples) = @_;
    my @names = sort keys %samples;
    my $data = join '', map { my $name = $names[$_]; "\$s$_ << ROWS\n" . join('', map { "@$_\n" } @{ $samples{$name} }) . "ROWS\n" } 0 .. $#names;
    my $plots = join ', ', map { qq[\$s$_ using 1:2 with lines title "$names[$_]"] } 0 .. $#names;
    return "${data}set xlabel \"seconds\"\nset ylabel \"MB in flight\"\nset xrange [0:*]\nset yrange [0:*]\nset key outside bottom center maxcols 2\nplot $plots\n";
}

1;
