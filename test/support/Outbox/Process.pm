# A child process of a test. Its output goes to files, tests wait for it by conditions, and it never outlives the test.
package Outbox::Process;

use strict;
use warnings;

use Carp qw(croak);
use Exporter qw(import);
use Outbox::File qw(slurp);
use Outbox::Tls;
use POSIX qw(WNOHANG);
use Time::HiRes qw(clock_gettime sleep time CLOCK_MONOTONIC);

our @EXPORT_OK = qw(wait_until slurp random_seed cpu_s slowness);

my %running;    # pid => object

# The test suite's own variables begin with OUTBOX_, too, and a relay must not see them.
my %of_the_suite = map { ($_ => $ENV{$_}) } grep { /^OUTBOX_/ } keys %ENV;

# An END block runs after die, but not after a signal's default action.
$SIG{INT} = $SIG{TERM} = sub { die "ended by SIG$_[0]\n" };

# Where the test is killed by kill -9, the kernel ends the processes that the test has started.
my @leash = -x '/usr/bin/setpriv' ? qw(/usr/bin/setpriv --pdeathsig KILL --) : ();

# Calls the code until it returns something true, and returns that; dies after this many seconds. Between two calls it sleeps three times as long as a
# call takes (20 ms to 300 ms), so that calls that start programs leave CPU time to what the test waits for.
sub wait_until (&$;$) {
    my ($condition, $what, $seconds) = @_;
    $seconds //= 60;
    my $deadline = time + $seconds;
    while (1) {
        my $start = time;
        my $result = $condition->();
        return $result if $result;
        croak "gave up after $seconds s: $what" if time > $deadline;
        my $pause = 3 * (time - $start);
        sleep($pause < 0.02 ? 0.02 : $pause > 0.3 ? 0.3 : $pause);
    }
}

# The CPU time of all threads of a process; negative where the process does not exist. The process's CPU clock has nanoseconds, /proc/PID/stat only
# ticks of ten milliseconds. The clock's number is made of the PID as Linux does.
sub cpu_s {
    my ($pid) = @_;
    return clock_gettime(-8 * ($pid + 1) + 2);
}

# How many times as long as on a quiet machine work takes now, at least 1: the function times a piece of work of a twentieth of a second, for at most
# a second. Tests multiply limits in seconds by this factor.
sub slowness {
    my ($start, $before) = (clock_gettime(CLOCK_MONOTONIC), cpu_s($$));
    my ($work_s, $seconds) = (0, 0);
    while ($work_s < 0.05 && $seconds < 1) {
        ($work_s, $seconds) = (cpu_s($$) - $before, clock_gettime(CLOCK_MONOTONIC) - $start);
    }
    return $seconds < 1.2 * $work_s ? 1 : $seconds / $work_s;
}

# Seeds rand() and prints the seed, so that a failure can be repeated.
sub random_seed {
    my $seed = $ENV{OUTBOX_TEST_SEED} // (time * 1000 ^ $$) % 2**31;
    srand $seed;
    Test::More::note("random seed: set OUTBOX_TEST_SEED=$seed to repeat");
    return $seed;
}

# spawn(command => [...], stdout => path, stderr => path, stdin => path, env => {...}): starts a process. Output is appended, so that a log survives
# restarts; a variable that is undef in env is removed.
sub spawn {
    my ($class, %args) = @_;
    my ($command, $environment) = Outbox::Tls::secured(@{ $args{command} });
    my @command = (@leash, @$command);
    my %environment = (%$environment, %{ $args{env} // {} });
    my $stdin = $args{stdin} // '/dev/null';
    # A signal for the new process that came before exec would go to Perl's handler, and be lost.
    my ($signals, $before) = (POSIX::SigSet->new(POSIX::SIGINT(), POSIX::SIGTERM()), POSIX::SigSet->new);
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), $signals, $before);
    my $pid = fork // croak "cannot fork: $!";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE);
        POSIX::sigprocmask(POSIX::SIG_SETMASK(), $before);
        _redirect($stdin, O_RDONLY(), 0);
        _redirect($args{stdout}, O_APPEND(), 1);
        _redirect($args{stderr}, O_APPEND(), 2);
        delete @ENV{ grep { ($ENV{$_} // '') eq $of_the_suite{$_} } keys %of_the_suite };
        for my $name (keys %environment) {
            defined $environment{$name} ? ($ENV{$name} = $environment{$name}) : delete $ENV{$name};
        }
        { no warnings 'exec'; exec { $command[0] } @command }
        POSIX::_exit(127);
    }
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), $before);
    return $running{$pid} = bless { pid => $pid, name => $args{name} // $args{command}[0] }, $class;
}

sub O_RDONLY { return POSIX::O_RDONLY() }
sub O_APPEND { return POSIX::O_WRONLY() | POSIX::O_CREAT() | POSIX::O_APPEND() }

# Uses file descriptors, because the test framework has tied the handles of these names.
sub _redirect {
    my ($path, $flags, $descriptor) = @_;
    my $opened = POSIX::open($path, $flags, 0644);
    POSIX::_exit(126) if !defined $opened;
    POSIX::dup2($opened, $descriptor);
    POSIX::close($opened) if $opened != $descriptor;
}

sub pid { return $_[0]{pid} }

sub signal {
    my ($self, $signal) = @_;
    kill $signal, $self->{pid} if $self->alive;
    return;
}

sub alive { return !defined $_[0]->status }

# The wait status once the process has ended; undef before.
sub status {
    my ($self) = @_;
    if (!defined $self->{status} && waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{status} = $?;
        delete $running{ $self->{pid} };
    }
    return $self->{status};
}

# Waits for the end of the process; returns the exit code, or "signal N".
sub wait_for_exit {
    my ($self, $seconds) = @_;
    local $?;
    wait_until { defined $self->status } "$self->{name} does not end", $seconds;
    my $signal = $self->{status} & 127;
    return $signal ? "signal $signal" : $self->{status} >> 8;
}

sub kill_nine {
    my ($self) = @_;
    $self->signal('KILL');
    return $self->wait_for_exit(10);
}

END {
    local ($?, $!);
    for my $pid (keys %running) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
}

1;
