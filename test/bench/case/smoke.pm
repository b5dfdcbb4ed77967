# Smoke: a minute of measurement in every test run. It compares instructions per event, which do not depend on other work on the machine, with those
# in test/bench/counts, and runs a small drain and a short latency measurement, with bounds that only a gross mistake exceeds.
package smoke;

use strict;
use warnings;

use Bench::Drain qw(drain relay reader @own_options);
use Bench::Latency qw(probe);
use Bench::Result;
use Bench::Server;
use FindBin;
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Utils;

my @figures = ([ instructions => 'instructions per event', '%.0f' ], [ stored => 'stored', '%.0f' ], [ rate => 'events/s', '%.0f' ],
    [ visible_50 => 'p50 ms', '%.2f' ], [ visible_99 => 'p99 ms', '%.2f' ]);

my $tolerance = 1.4;    # other compilers, other libraries
my $few = 1000;
my $many = 3000;
my $events = 50_000;

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('smoke', @figures);
    _count($result, @$_) for _stored();
    _try_all($bench, $result);
    return $result;
}

sub _stored {
    return map { [split] } grep { /^\w/ } split /\n/, slurp("$FindBin::RealBin/counts");
}

# The difference of two counts leaves out the start of the program.
sub _count {
    my ($result, $program, $part, $stored) = @_;
    my ($small, $large) = map { _instructions($program, $part, $_) } $few, $many;
    my $found = ($large - $small) / ($many - $few);
    $result->add("$program: $part", 'callgrind', instructions => $found, stored => $stored);
    $result->verdict("instructions per event, $program: $part", $found, '<=', $tolerance * $stored, '%.0f');
    $result->note(sprintf '%s: %s needs only %.0f instructions: write that into test/bench/counts', $program, $part, $found) if $found < $stored / $tolerance;
    return;
}

sub _instructions {
    my ($program, $part, $count) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('callgrind');
    my @command = (qw(valgrind -q --tool=callgrind), "--callgrind-out-file=$folder/out", "$ENV{OUTBOX_BUILD}/bench-count-$program", $part, $count);
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/log", stderr => "$folder/log");
    my $code = $process->wait_for_exit(60);
    my ($instructions) = slurp("$folder/out") =~ /^(?:summary|totals): (\d+)/m;
    die "@command: $code\n" . slurp("$folder/log") if $code ne '0' || !$instructions;
    return $instructions;
}

sub _try_all {
    my ($bench, $result) = @_;
    my $server = Bench::Server->start;
    my $backlog = $server->backlog(events => $bench->scaled($events, 1), per_transaction => 1, bytes => 200, topic => 'smoke');
    my %programs = ('relay to Kafka' => relay(kafka => 1), 'source' => reader(200, @own_options));
    my %rates;
    for my $name (sort keys %programs) {
        $server->fresh_topic('smoke');
        $rates{$name} = $backlog->{events} / drain($server, $backlog, $programs{$name})->{seconds};
        $result->add('drain', $name, rate => $rates{$name});
    }
    $result->verdict('drain: relay to Kafka against the source', $rates{'relay to Kafka'} / $rates{source}, '>=', 0.05, '%.2f');

    my ($found) = probe($server, relay(kafka => 1), rate => 500, per_transaction => 1, seconds => 2, bytes => 200, isolation => 'read_uncommitted');
    $result->add('latency, 500/s', 'relay to Kafka', visible_50 => $found->{visible}{0.5}, visible_99 => $found->{visible}{0.99});
    $result->verdict('latency, 500/s: p50 ms to the consumer', $found->{visible}{0.5}, '<=', 500, '%.1f');
    return;
}

1;
