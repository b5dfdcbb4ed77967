# One measurement of latency by bench-latency, and the picture of several.
package Bench::Latency;

use strict;
use warnings;

use Bench::Meter qw(cores sample used);
use Exporter qw(import);
use JSON::PP ();
use Outbox::Process qw(slurp wait_until);
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(probe curves);

my $partitions = 6;
my $maximum = 100_000;    # the place of the maximum on the axis, one nine after the last quantile

# probe(server, program, rate, per_transaction, seconds, bytes, isolation, is_sample): measures while the program delivers a new slot. Returns the
# result of bench-latency, and {program => {cpu_s}, others}: the program's CPU time, and in per cent the CPU time of all processes in the second
# before.
sub probe {
    my ($server, $program, %plan) = @_;
    $server->drop_slots;
    $server->sql('CHECKPOINT');    # so that the server reuses WAL segments: it fills a new segment of 16 MB with zeros first, and every commit waits
    $server->fresh_topic('latency', $partitions, 'message.timestamp.type=LogAppendTime');
    my $slot = 'outbox_latency';
    my $plugin = $plan{plugin} // 'outbox';
    $server->sql("SELECT pg_create_logical_replication_slot('$slot', '$plugin')");
    $server->sql("SELECT pg_create_logical_replication_slot('demanded', 'outbox')") if $plugin ne 'outbox';    # the extension's emit demands a slot of its plugin
    my $log = "$PostgreSQL::Test::Utils::log_path/latency.log";
    my $started = $program->($server, undef, $slot)->{command};
    my $process = Outbox::Process->spawn(command => $started, stdout => '/dev/null', stderr => $log);
    wait_until { $process->alive or die slurp($log); $server->walsender($slot) } 'no stream';
    my $superuser = getpwuid $<;
    my @command = ("$ENV{OUTBOX_BUILD}/bench-latency", $server->dsn($superuser), $server->brokers, 'latency', $slot,
        @plan{qw(rate per_transaction seconds bytes)}, $plan{is_sample} ? 1 : $partitions, $partitions, $plan{isolation});
    system 'sync';    # or the kernel writes gigabytes back later, and for a second WAL and topics wait
    my $quiet = sample();
    sleep 1;
    my $idle = used($quiet, sample());
    my $before = sample(program => $process->pid);
    my $found = _call(@command);
    my $used = used($before, sample(program => $process->pid));
    $process->signal('TERM');
    $process->wait_for_exit(60);
    $server->drop_slot($slot);
    return ($found, { %$used, others => 100 * $idle->{busy_s} / $idle->{seconds} / cores() });
}

sub _call {
    my (@command) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('latency');
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/out", stderr => "$folder/err");
    die "@command:\n" . slurp("$folder/err") if $process->wait_for_exit(600) ne '0';
    return JSON::PP::decode_json(slurp("$folder/out"));
}

# A script for gnuplot: the quantiles of each point and candidate, on an axis with the same space for each nine.
sub curves {
    my ($result, $what) = @_;
    my (@blocks, @plots);
    for my $point ($result->points) {
        for my $candidate ($result->candidates($point)) {
            my $index = @blocks;
            my @shares = sort { $a <=> $b } map { /^${what}_at_(.*)/ ? $1 : () } keys %{ $result->{values}{$point}{$candidate} };
            push @blocks, join '', map { sprintf "%g %g\n", $_ < 1 ? 1 / (1 - $_) : $maximum, $result->median($point, $candidate, "${what}_at_$_") } @shares;
            push @plots, sprintf q[$c%d using 1:2 with linespoints title "%s, %s"], $index, $point, $candidate;
        }
    }
    my $data = join '', map { "\$c$_ << ROWS\n$blocks[$_]ROWS\n" } 0 .. $#blocks;
    my $lines = join ', ', @plots;
    return <<"END";
${data}set logscale xy
set xtics ("p50" 2, "p90" 10, "p99" 100, "p99.9" 1000, "p99.99" 10000, "max" $maximum)
set xlabel "share of the events"
set ylabel "ms from commit to consumer"
set key outside bottom center maxcols 2
plot $lines
END
}

1;
