# The circumstances of a measurement: versions, machine, command, and day.
package Bench::About;

use strict;
use warnings;

use Bench::Meter qw(cores);
use Exporter qw(import);
use Outbox::Process qw(slurp);
use POSIX qw(strftime);

our @EXPORT_OK = qw(about);

sub about {
    my ($case, $runs, $scale) = @_;
    my ($relay) = _first_line("$ENV{OUTBOX_RELAY} version");
    my ($kafka) = map { m{/kafka_[\d.]+-([\d.]+)\.jar$} } glob "$ENV{OUTBOX_KAFKA_LIBS}/kafka_*.jar";
    my ($processor) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my ($memory_kb) = slurp('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;
    my @chosen = map { $ENV{$_} ? "$_='$ENV{$_}'" : () } qw(BENCH_POINTS BENCH_CANDIDATES);
    my @settings = (($case eq 'peers' ? 'PEERS=1' : ()), ($runs != 5 ? "RUNS=$runs" : ()), ($scale != 1 ? "SCALE=$scale" : ()));
    return {
        date => strftime('%Y-%m-%d', gmtime),
        command => join(' ', @chosen, "make bench CASE=$case", @settings),
        runs => $runs,
        versions => { postgresql => _first_line('postgres --version'), relay => $relay, kafka => $kafka, java => _first_line('java -version 2>&1') },
        machine => { cores => cores(), processor => $processor // 'unknown', memory_gb => sprintf('%.0f', $memory_kb / 2**20), kernel => _first_line('uname -sr') =~ s/-.*//r },
    };
}

sub _first_line {
    my ($command) = @_;
    my ($line) = `$command`;
    chomp $line if defined $line;
    return $line // 'unknown';
}

1;
