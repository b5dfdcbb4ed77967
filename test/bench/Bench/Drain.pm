# One drain of a backlog, by whoever: how long, and what it cost. Its parts are used by every case that reads a backlog.
package Bench::Drain;

use strict;
use warnings;

use Bench::Meter qw(cores now sample used);
use Exporter qw(import);
use JSON::PP ();
use Outbox::Process qw(slurp wait_until);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(drain relay reader recvlogical sink per_event system_calls);

my $poll_s = 0.02;    # 1 % of a drain
my $patience_s = 600;

# Programs that drain a slot. Each gets server, backlog, slot and returns the command and how to see that it has all: confirmed, or
# for those that confirm once in ten seconds, sent.

sub relay {
    my (%options) = @_;
    return sub {
        my ($server, $backlog, $slot) = @_;
        my @brokers = $options{kafka} ? ('--brokers', $server->brokers) : ();
        my @delivery = $options{delivery} ? ('--delivery', $options{delivery}) : ();
        my @target = ('--slot', $slot, @brokers, @delivery);
        if (($options{delivery} // '') eq 'exactly-once') {    # a slot that was copied has a position, and no state in Kafka
            my $superuser = getpwuid $<;
            _call($ENV{OUTBOX_RELAY}, 'setup', '--dsn', $server->dsn($superuser), @target, '--reset-state');
        }
        return { command => [ $ENV{OUTBOX_RELAY}, 'run', '--dsn', $server->dsn, @target, @{ $options{args} // [] } ], seen => 'confirmed' };
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

# drain(server, backlog, program, plugin): on a copy of the slot, from the moment the program has it until the target is reached. Returns
# {seconds, program, walsender, broker}, see Bench::Meter.
sub drain {
    my ($server, $backlog, $program, $plugin) = @_;
    my $slot = $server->copy_slot($plugin);
    my $plan = $program->($server, $backlog, $slot);
    my $log = "$PostgreSQL::Test::Utils::log_path/drain.log";
    my $process = Outbox::Process->spawn(command => $plan->{command}, stdout => '/dev/null', stderr => $log);
    my $lives = sub { $process->alive or die "@{ $plan->{command} }:\n" . slurp($log) };
    my $walsender = wait_until { $lives->(); $server->walsender($slot) } 'no stream', 60;
    my %pids = (program => $process->pid, walsender => $walsender, broker => $server->broker_pid);
    my $before = sample(%pids);
    my $reached = sprintf $reached{ $plan->{seen} }, $backlog->{target}, $slot;
    my $deadline = now() + $patience_s;
    while ($server->sql($reached) ne 't') {
        die "gave up after $patience_s s: @{ $plan->{command} }\n" if now() > $deadline;
        $lives->();
        sleep $poll_s;
    }
    my $used = used($before, sample(%pids));
    $process->signal('TERM');
    $process->wait_for_exit(60);
    $server->drop_slot($slot);
    return $used;
}

# The same from memory, without PostgreSQL. It measures itself; the broker is measured from its start to its end.
sub sink {
    my ($server, $backlog) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('sink');
    my @command = ("$ENV{OUTBOX_BUILD}/bench-sink", $server->brokers, @$backlog{qw(topic events bytes)});
    my $before = sample(broker => $server->broker_pid);
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/out", stderr => "$folder/err");
    die "@command:\n" . slurp("$folder/err") if $process->wait_for_exit($patience_s) ne '0';
    my $used = used($before, sample(broker => $server->broker_pid));
    my $said = JSON::PP::decode_json(slurp("$folder/out"));
    return { %$used, elapsed => $used->{seconds}, seconds => $said->{seconds}, program => { cpu_s => $said->{cpu_s}, switches => $said->{switches} } };
}

# The figures of a drain, per event, as a result takes them. `others` is what the machine did meanwhile that is not of the drain, in per cent
# of all cores: the harness itself takes two or three, more says that the machine was not quiet.
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

# System calls of a program in one drain under strace (-I2: it passes on what ends it), which slows it: only the number counts. Undef
# without strace.
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
