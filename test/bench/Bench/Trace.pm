# Samples of a relay's bound of the events in flight while the relay drains, twenty times a second.
package Bench::Trace;

use strict;
use warnings;

use Exporter qw(import);
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(trace settled_s lines);

# One process with one connection, because a machine that is busy starts programs slowly.
my $sample = <<'END_PERL';
my $relay = HTTP::Tiny->new(timeout => 10);
$| = 1;
while (1) {
    my %value = $relay->get("http://127.0.0.1:$ARGV[0]/metrics")->{content} =~ /^outbox_relay_(last_delivery_timestamp_seconds|window_events) (\S+)/mg;
    print join(' ', time, $value{window_events}), "\n" if %value == 2;
    sleep 0.05;
}
END_PERL

# Calls the drain with the options of a relay that is watched. Returns pairs: seconds since Kafka acknowledged the first events, and the bound then.
sub trace {
    my ($drain) = @_;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $file = PostgreSQL::Test::Utils::tempdir('trace') . '/samples';
    my $watcher = Outbox::Process->spawn(command => [ $^X, '-MHTTP::Tiny', '-MTime::HiRes=time,sleep', '-e', $sample, $port ], stdout => $file, stderr => '/dev/null');
    $drain->('--listen', "127.0.0.1:$port");
    $watcher->signal('KILL');
    $watcher->wait_for_exit(10);
    my @samples = map { [ split / / ] } split /\n/, slurp($file);
    return map { [ $_->[0] - $samples[0][0], $_->[1] ] } @samples;
}

# The seconds after which the bound stays within half and double its median. The end of a drain, when nothing more comes, is left out.
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
    return "${data}set xlabel \"seconds\"\nset ylabel \"small events in flight at most\"\nset xrange [0:*]\nset yrange [0:*]\nset key outside bottom center maxcols 2\nplot $plots\n";
}

1;
