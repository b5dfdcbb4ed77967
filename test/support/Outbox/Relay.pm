# An outbox-relay under test. Its log (standard error) and its events (standard output) go to files in the test's log folder, which grow over
# restarts.
package Outbox::Relay;

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(basename);
use Outbox::Form;
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Utils;

# new(node, name => 'relay', kafka => Outbox::Kafka or "host:port" (none: standard output), args => [...], env => {...}, user => 'relay', output =>
# path, dsn => another DSN than the node's, program => another program than OUTBOX_RELAY): a relay that is not started yet.
sub new {
    my ($class, $node, %options) = @_;
    croak 'OUTBOX_RELAY is not set' if !$ENV{OUTBOX_RELAY};
    my $name = $options{name} // 'relay';
    my $stem = "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.t') . "_$name";
    my $self = bless { name => $name, log => "$stem.log", output => $options{output} // "$stem.out", env => $options{env} }, $class;
    my $kafka = $options{kafka};
    $self->{command} = [
        $options{program} // $ENV{OUTBOX_RELAY}, 'run',
        '--dsn', ($options{dsn} // $node->connstr('postgres')) . ' user=' . ($options{user} // 'relay'),
        ($kafka ? ('--brokers', ref $kafka ? $kafka->brokers : $kafka) : '--stdout'),
        @{ $options{args} // [] },
    ];
    return $self;
}

sub start {
    my ($self) = @_;
    $self->{log_start} = -s $self->{log} // 0;
    $self->{process} = Outbox::Process->spawn(
        command => $self->{command}, name => $self->{name}, env => $self->{env}, stdout => $self->{output}, stderr => $self->{log});
    return $self;
}

sub pid { return $_[0]{process}->pid }
sub alive { return $_[0]{process}->alive }
sub signal { my ($self, $signal) = @_; return $self->{process}->signal($signal) }
sub kill_nine { return $_[0]{process}->kill_nine }
sub wait_for_exit { my ($self, $seconds) = @_; return $self->{process}->wait_for_exit($seconds) }

# Ends the relay by SIGTERM; returns the exit code.
sub terminate {
    my ($self, $seconds) = @_;
    $self->signal('TERM');
    return $self->wait_for_exit($seconds);
}

# The log since the relay's last start, or the whole log.
sub log { my ($self) = @_; return slurp($self->{log}, $self->{log_start}) }
sub whole_log { return slurp($_[0]{log}) }

# The lines of the relay's standard output, over all starts.
sub output { return split /\n/, slurp($_[0]{output}) }

sub wait_for_log {
    my ($self, $pattern, $seconds) = @_;
    return wait_until { $self->log =~ $pattern } "$self->{name} does not log $pattern; it says:\n" . $self->log, $seconds;
}

# The number of log lines since the last start that match.
sub count_log { my ($self, $pattern) = @_; return scalar grep { /$pattern/ } split /\n/, $self->log }

# The relay's peak resident memory so far, in kB.
sub peak_memory_kb {
    my ($self) = @_;
    # Before exec the process is a copy of the test for a moment, whose memory does not count.
    my ($kb) = slurp('/proc/' . $self->pid . '/status') =~ /\AName:\s+outbox-relay\n.*?^VmHWM:\s+(\d+) kB/ms;
    return $kb // croak "$self->{name} is not running";
}

# A bound of the relay's memory, in kB. With sanitizers a process takes up to five times as much: shadow memory, red zones, and a quarantine of what
# was freed.
sub memory_limit_kb { my ($kb) = @_; return $ENV{SANITIZE} ? 5 * $kb : $kb }

# Waits until the relay reads the slot.
sub wait_until_streaming {
    my ($self, $node, $slot) = @_;
    $slot //= 'outbox';
    return $node->poll_query_until('postgres',
        "SELECT state = 'streaming' FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE slot_name = '$slot'");
}

# Runs outbox-relay setup for exactly-once delivery, as a superuser. Returns what call() returns.
sub set_up_exactly_once {
    my ($node, $kafka, @arguments) = @_;
    return call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', 'exactly-once', @arguments);
}

# Whether the relay's librdkafka is this release or a later one.
sub librdkafka_is_from {
    my ($major, $minor) = @_;
    my @is = (call('version'))[1] =~ /librdkafka (\d+)\.(\d+)/;
    return $is[0] > $major || $is[0] == $major && $is[1] >= $minor;
}

# Whether the relay's librdkafka can log in to Kafka 4 by SCRAM (confluentinc/librdkafka#4895).
sub knows_scram { return librdkafka_is_from(2, 6) }

# The arguments; for setup also those of the form that the tests run with.
sub in_form {
    my @arguments = @_;
    splice @arguments, 1, 0, Outbox::Form::setup_arguments() if ($arguments[0] // '') eq 'setup' && !grep { $_ eq '--plugin' } @arguments;
    return @arguments;
}

our $call_patience_s = 60;

# Runs a command that should end by itself: (exit code, standard output, standard error).
sub call {
    my (@arguments) = in_form(@_);
    my $folder = PostgreSQL::Test::Utils::tempdir('call');
    my $process = Outbox::Process->spawn(
        command => [ $ENV{OUTBOX_RELAY}, @arguments ], name => "outbox-relay @arguments", stdout => "$folder/out", stderr => "$folder/err");
    my $code = eval { $process->wait_for_exit($call_patience_s) } // 'none, it does not end';
    $process->kill_nine;
    return ($code, slurp("$folder/out"), slurp("$folder/err"));
}

1;
