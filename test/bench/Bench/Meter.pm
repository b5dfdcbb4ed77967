# What a process has used, as /proc has it: CPU time of all its threads (ended ones included), context switches, peak memory.
package Bench::Meter;

use strict;
use warnings;

use Exporter qw(import);
use Outbox::Process qw(cpu_s slurp);
use POSIX ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

our @EXPORT_OK = qw(now sample used cores children_cpu_s);

my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# The CPU time of a process's ended children, such as a server's backends after their clients have gone.
sub children_cpu_s {
    my ($pid) = @_;
    my @fields = split ' ', slurp("/proc/$pid/stat") =~ s/.*\)//sr;    # the name may have any bytes; the next field is the third
    return ($fields[13] + $fields[14]) / $ticks;
}

sub _switches {
    my ($pid) = @_;
    my $sum = 0;
    for my $status (glob "/proc/$pid/task/*/status") {
        $sum += $_ for slurp($status) =~ /^(?:non)?voluntary_ctxt_switches:\s+(\d+)/mg;
    }
    return $sum;
}

# The CPU time of all processes together, in seconds.
sub _busy_s {
    my ($user, $nice, $system, undef, undef, $irq, $softirq) = slurp('/proc/stat') =~ /(\d+)/g;
    return ($user + $nice + $system + $irq + $softirq) / $ticks;
}

# sample(name => pid, ...): a sample of each process; undefined PIDs are left out.
sub sample {
    my (%pids) = @_;
    my %sample = (at => now(), busy_s => _busy_s());
    for my $name (grep { defined $pids{$_} } keys %pids) {
        my ($peak_kb) = slurp("/proc/$pids{$name}/status") =~ /^VmHWM:\s+(\d+) kB/m;
        $sample{$name} = { cpu_s => cpu_s($pids{$name}), switches => _switches($pids{$name}), peak_mb => ($peak_kb // 0) / 1024 };
    }
    return \%sample;
}

# The differences between two samples: {seconds, busy_s, NAME => {cpu_s, switches, peak_mb}}.
sub used {
    my ($before, $after) = @_;
    my %used = (seconds => $after->{at} - $before->{at}, busy_s => $after->{busy_s} - $before->{busy_s});
    for my $name (grep { ref $before->{$_} } keys %$before) {
        my ($from, $to) = ($before->{$name}, $after->{$name});
        $used{$name} = { peak_mb => $to->{peak_mb}, map { $_ => $to->{$_} - $from->{$_} } qw(cpu_s switches) };
    }
    return \%used;
}

sub cores {
    my @cores = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
    return scalar @cores || 1;
}

1;
