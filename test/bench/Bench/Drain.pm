# One drain of a backlog by a program: its time, and what each process used. Every case that reads a backlog uses this module.
package Bench::Drain;

use strict;
use warnings;

use Bench::Meter qw(cores now sample used);
use Exporter qw(import);
use JSON::PP ();
use List::Util qw(sum);
use Outbox::Process qw(slurp wait_until);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(warm_up drain drain_all relay reader recvlogical sink per_event system_calls @own_options @pgoutput_options);

our @own_options = qw(version=1 gather=on batch_bytes=65536);    # the relay's options for the plugin
our @pgoutput_options = qw(proto_version=1 publication_names=nothing messages=true);    # Bench::Server creates the publication

my $poll_s = 0.02;    # 1 % of a drain
my $patience_s = 600;

# Calls the drains in turn for so many seconds; none of them counts. Java's compiler in the broker takes half of two cores for about a minute of load, after
# the start and when the kind of requests changes.
sub warm_up {
    my ($seconds, @drains) = @_;
    for (my $until = time + $seconds; @drains && time < $until;) {
        $_->() for @drains;
    }
    return;
}

# Programs that drain a slot. Each function takes server, backlog and slot, and returns the command and the sign of its end: `confirmed`; `sent`, for
# programs that confirm once in ten seconds; `arrived`, in Kafka, to compare programs that confirm seldom.

sub relay {
    my (%options) = @_;
    return sub {
        my ($server, $backlog, $slot) = @_;
        my @brokers = $options{kafka} ? ('--brokers', $server->brokers) : '--stdout';
        my @delivery = $options{delivery} ? ('--delivery', $options{delivery}) : ();
        my $relay = $options{program} // $ENV{OUTBOX_RELAY};
        my @target = ('--slot', $slot, @brokers, @delivery);
        if (($options{delivery} // '') eq 'exactly-once') {    # a copy of a slot has a position, and the state topic has none for it
            my $superuser = getpwuid $<;
            _call($relay, 'setup', '--dsn', $server->dsn($superuser), @target, '--reset-state');
        }
        return { command => [ $relay, 'run', '--dsn', $server->dsn, @target, @{ $options{args} // [] } ], seen => $options{seen} // 'confirmed' };
    };
}

sub reader {
    my ($pause_us, @options) = @_;
    return sub {
        my ($server, $backlog, $slot) = @_;
        return { command => [ "$ENV{OUTBOX_BUILD}/bench-reader", $server->dsn, $slot, $backlog->{target}, $pause_us, @options ], seen => 'confirmed' };
    };
}

sub recvlogical {
    my (@options) = @_;
    return sub {
        my ($server, $backlog, $slot) = @_;
        my @command = (qw(pg_recvlogical --start --no-loop -F 0 -s 1 -f /dev/null -d), $server->dsn, '--slot', $slot, map { ('-o', $_) } @options);
        return { command => \@command, seen => 'sent' };
    };
}

sub _call {
    my (@command) = @_;
    my $log = PostgreSQL::Test::Utils::tempdir('call') . '/log';
    my $code = Outbox::Process->spawn(command => \@command, stdout => $log, stderr => $log)->wait_for_exit(60);
    die "@command:\n" . slurp($log) if $code ne '0';
    return;
}

my %reached = (
    confirmed => q{SELECT confirmed_flush_lsn >= '%1$s' FROM pg_replication_slots WHERE slot_name = '%2$s'},
    sent => q{SELECT sent_lsn >= '%1$s' FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = '%2$s'},
);

# drain(server, backlog, program, plugin): measures a drain of a copy of the slot, from the moment when the program reads the slot until the target is
# reached. Returns {seconds, program, walsender, broker}, as Bench::Meter has them; with `arrived` also half_seconds, for the second half of the
# events.
sub drain { my ($server, $backlog, $program, $plugin) = @_; return drain_all($server, $backlog, $plugin, $program) }

# The same for several programs at once, each with a slot of its own: from the first start to the last end, with the sums of what the processes used.
sub drain_all {
    my ($server, $backlog, $plugin, @programs) = @_;
    my @runs = map { _start($server, $backlog, $_, $plugin) } @programs;
    my $deadline = now() + $patience_s;
    while (my @open = grep { !$_->{after} } @runs) {
        for my $run (@open) {
            die "gave up after $patience_s s: @{ $run->{plan}{command} }\n" . slurp($run->{log}) if now() > $deadline;
            _look($run);
        }
        sleep $poll_s;
    }
    for my $run (@runs) {
        $run->{process}->signal('TERM');
        $run->{process}->wait_for_exit(60);
        $server->drop_slot($run->{slot});
    }
    return _together(@runs);
}

sub _start {
    my ($server, $backlog, $program, $plugin) = @_;
    my $slot = $server->copy_slot($plugin);
    my $plan = $program->($server, $backlog, $slot);
    my $log = "$PostgreSQL::Test::Utils::log_path/drain.log";
    my $has_all = $plan->{seen} eq 'arrived' ? _arrival($server, $backlog) : _position($server, sprintf $reached{ $plan->{seen} }, $backlog->{target}, $slot);
    my $process = Outbox::Process->spawn(command => $plan->{command}, stdout => $plan->{logs_to_stdout} ? $log : '/dev/null', stderr => $log);
    my $run = { slot => $slot, plan => $plan, log => $log, has_all => $has_all, process => $process };
    my $walsender = wait_until { _lives($run); $server->walsender($slot) } 'no stream', 60;
    $run->{pids} = { program => $process->pid, walsender => $walsender, broker => $server->broker_pid };
    $run->{before} = sample(%{ $run->{pids} });
    return $run;
}

sub _lives { my ($run) = @_; return $run->{process}->alive || die "@{ $run->{plan}{command} }:\n" . slurp($run->{log}) }

sub _look {
    my ($run) = @_;
    _lives($run);
    $run->{arrived} = $run->{has_all}->() or return;
    $run->{after} = sample(%{ $run->{pids} });
    return;
}

sub _together {
    my (@runs) = @_;
    my ($last) = sort { $b->{after}{at} <=> $a->{after}{at} } @runs;
    my $used = used($runs[0]{before}, $last->{after});
    my @each = map { used($_->{before}, $_->{after}) } @runs;
    for my $part (qw(program walsender)) {
        $used->{$part} = { map { my $name = $_; $name => sum map { $_->{$part}{$name} } @each } qw(cpu_s switches peak_mb) };
    }
    my $arrived = $last->{arrived};
    return $used if !ref $arrived;
    return { %$used, elapsed => $used->{seconds}, seconds => $arrived->{all_s} - $runs[0]{before}{at}, half_seconds => $arrived->{all_s} - $arrived->{half_s} };
}

sub _position { my ($server, $query) = @_; return sub { return $server->sql($query) eq 't' } }

sub _arrival {
    my ($server, $backlog) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('arrived');
    my @command = ("$ENV{OUTBOX_BUILD}/bench-arrived", $server->brokers, @$backlog{qw(topic events)});
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/out", stderr => "$folder/err");
    return sub {
        return if $process->alive;
        die "@command:\n" . slurp("$folder/err") if $process->status != 0;
        return JSON::PP::decode_json(slurp("$folder/out"));
    };
}

# The same for a program that produces from memory, without PostgreSQL. The program measures itself; the broker is measured from the program's start
# to its end. Further arguments are the program's: topics, events in flight, linger.
sub sink {
    my ($server, $backlog, @arguments) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('sink');
    my @command = ("$ENV{OUTBOX_BUILD}/bench-sink", $server->brokers, @$backlog{qw(topic events bytes)}, @arguments);
    my $before = sample(broker => $server->broker_pid);
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/out", stderr => "$folder/err");
    die "@command:\n" . slurp("$folder/err") if $process->wait_for_exit($patience_s) ne '0';
    my $used = used($before, sample(broker => $server->broker_pid));
    my $said = JSON::PP::decode_json(slurp("$folder/out"));
    return { %$used, elapsed => $used->{seconds}, seconds => $said->{seconds}, program => { cpu_s => $said->{cpu_s}, switches => $said->{switches} } };
}

# The figures of a drain for one event, as Bench::Result takes them. `others` is the CPU time of other processes, in per cent of all cores: the
# harness itself takes two or three, and a higher figure means that the machine was not quiet.
sub per_event {
    my ($used, $events) = @_;
    my $own_s = 0;
    my %figures = (rate => $events / $used->{seconds}, peak_mb => $used->{program}{peak_mb});
    for my $name (qw(program walsender broker)) {
        my $part = $used->{$name} // next;
        $figures{"${name}_us"} = $part->{cpu_s} / $events * 1e6;
        $figures{"${name}_switches"} = $part->{switches} / $events;
        $figures{cpu_us} += $figures{"${name}_us"};
        $own_s += $part->{cpu_s};
    }
    $figures{others} = 100 * ($used->{busy_s} - $own_s) / ($used->{elapsed} // $used->{seconds}) / cores();
    return %figures;
}

# The number of system calls of a program in one drain under strace, which slows the program down (-I2: strace passes signals on). Undef without
# strace.
sub system_calls {
    my ($server, $backlog, $program) = @_;
    return if system('strace -c true >/dev/null 2>&1') != 0;
    my $summary = PostgreSQL::Test::Utils::tempdir('strace') . '/summary';
    drain($server, $backlog, sub {
        my $plan = $program->(@_);
        return { %$plan, command => [ qw(strace -I2 -f -c -o), $summary, @{ $plan->{command} } ] };
    });
    my ($calls) = slurp($summary) =~ /^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)\s+(?:\d+\s+)?total$/m;
    return $calls;
}

1;
