# The faults of a chaos run: how each kind is done and undone. A fault is a list of steps; the run calls the first step again and again until the step
# returns something true, then the next step, so that faults overlap. Each module Outbox::Chaos::Faults::* has the kinds that hit one part; this file
# has the steps that several kinds share.
package Outbox::Chaos::Faults;

use strict;
use warnings;

use parent map { "Outbox::Chaos::Faults::$_" } qw(Relay Postgres Failover Kafka Cluster Credentials Events Network);

use Outbox::Chaos::Steps qw(at_once is_too_late);
use Outbox::Node qw(crash current_lsn slot);
use Time::HiRes qw(time);

my $fast_stop_s = 10;

# new(stage, writers, on_violation => sub, capture => sub(topic, offset), busy => sub(resource))
sub new {
    my ($class, $stage, $writers, %options) = @_;
    return bless { stage => $stage, writers => $writers, active => 'a', server_up => 1, %options }, $class;
}

sub active_relay { return $_[0]{stage}->relay($_[0]{active}) }
sub server_is_up { return $_[0]{server_up} }

# The steps of a fault; an empty list where the fault has nothing to hit any more.
sub steps {
    my ($self, $fault) = @_;
    return $self->_link($1, $2, $fault) if $fault->{kind} =~ /^(pg|kafka)_(delay|cut|silence|reset|refuse|forget)$/;
    my $steps = "_$fault->{kind}";
    return $self->$steps($fault);
}

# The kinds of fault that this run cannot have: kind => reason.
sub impossible {
    my ($self) = @_;
    my $stage = $self->{stage};
    my %why;
    @why{qw(clock_jump pg_clock)} = ('libfaketime is not installed') x 2 if !Outbox::Chaos::Steps::faketime();
    $why{disk_full} = 'there is no small file system for the broker' if !$stage->has_disk;
    $why{failover_slot} = 'the server has no failover slots before PostgreSQL 17' if $stage->major < 17;
    @why{qw(pg_certificate kafka_certificate)} = ('the connections are without TLS; TLS=1 has it') x 2 if !$stage->secrets->has_tls;
    $why{kafka_password} = 'this librdkafka cannot log in by SCRAM' if !$stage->secrets->has_kafka_password;
    return %why;
}

# A step that waits until the condition holds. A wait of more than these seconds, as a quiet machine counts them, is a violation of the invariant.
sub within {
    my ($self, $seconds, $invariant, $what, $condition) = @_;
    my $start;
    return sub {
        $start //= time;
        return 1 if $condition->();
        return 0 if !is_too_late($start, $seconds);
        $self->{on_violation}->($invariant, "$what: not within $seconds s");
        return 1;
    };
}

# ---- the relay ------------------------------------------------------------------------------------------------------

sub _start { my ($self, $env) = @_; return at_once(sub { $self->{stage}->start_relay($self->{active}, $env) }) }
sub _signal { my ($self, $signal) = @_; return at_once(sub { $self->active_relay->signal($signal) }) }

sub _kill {
    my ($self) = @_;
    return at_once(sub { $self->{stage}->release_relay($self->{active}); $self->active_relay->kill_nine });
}

# Sends SIGTERM to a relay, which has to end with 0.
sub _end {
    my ($self, $name) = @_;
    my $relay = sub { $self->{stage}->relay($name // $self->{active}) };
    return (
        at_once(sub { $self->{stage}->release_relay($name // $self->{active}); $relay->()->signal('TERM') }),
        $self->within(15, 'I7', 'a relay ends on SIGTERM', sub { !$relay->()->alive }),
        at_once(sub {
            my $code = $relay->()->alive ? $relay->()->kill_nine : $relay->()->wait_for_exit(1);
            my $had_begun = $relay->()->log ne '';    # before its first log line the program does not handle the signal yet
            $self->{on_violation}->('I7', "a relay ends on SIGTERM with $code") if $code ne '0' && $had_begun;
        }));
}

# The relay, which the supervisor no longer restarts, has to end by itself with this exit code.
sub _ends_with {
    my ($self, $expected, $what) = @_;
    my $relay = sub { $self->active_relay };
    return (
        at_once(sub { $self->{stage}->release_relay($self->{active}) }),
        $self->within(90, 'I7', $what, sub { !$relay->()->alive }),
        at_once(sub {
            my $code = $relay->()->alive ? $relay->()->kill_nine : $relay->()->wait_for_exit(1);
            $self->{on_violation}->('I7', "$what with $code") if $code ne $expected;
        }));
}

# A condition: everything that was in the WAL at the first call is confirmed.
sub _all_delivered {
    my ($self) = @_;
    my $wanted;
    return sub {
        return 0 if !$self->{server_up};
        $wanted //= current_lsn($self->{stage}->node);
        return slot($self->{stage}->node, "confirmed_flush_lsn >= '$wanted'") eq 't';
    };
}

# ---- PostgreSQL -----------------------------------------------------------------------------------------------------

sub _down {
    my ($self, $code) = @_;
    return at_once(sub { $self->{server_up} = 0; $code->($self->{stage}->node) });
}

sub _up {
    my ($self) = @_;
    return at_once(sub { $self->{stage}->node->start; $self->_is_up });
}

sub _is_up { my ($self) = @_; $self->{writers}->lose_server; $self->{server_up} = 1; return }

sub _pg_ctl {
    my ($node, $mode) = @_;
    return Outbox::Process->spawn(
        name => 'pg_ctl', command => [ qw(pg_ctl -t 120 stop -m), $mode, '-D', $node->data_dir ], stdout => '/dev/null', stderr => '/dev/null');
}

# A fast shutdown must end although a relay reads the slot: at once where Kafka takes events, otherwise after the relay's grace.
sub _stop_fast {
    my ($self) = @_;
    my $stop;
    my $stopped = sub { defined $stop->status };
    my $disturbed;
    my $is_disturbed = sub { return $disturbed ||= grep { $self->{busy}->($_) } qw(relay broker kafka_link pg_link names) };
    return (
        $self->_down(sub { $stop = _pg_ctl($_[0], 'fast') }),
        $self->within($fast_stop_s, 'I8', 'PostgreSQL stops fast, undisturbed', sub { $is_disturbed->() || $stopped->() }),
        $self->within($fast_stop_s + 10, 'I8', 'PostgreSQL stops fast', $stopped),
        at_once(sub {
            my $node = $self->{stage}->node;
            $stopped->() ? $node->_update_pid(-1) : crash($node);
        }));
}

# ---- Kafka ----------------------------------------------------------------------------------------------------------

# Starts the broker, and waits until each partition has a leader, or all partitions are in the given state.
sub _launch {
    my ($self, $node, $state) = @_;
    my $ready;
    return (
        at_once(sub { $self->{stage}->broker($node)->launch; $ready = $self->{stage}->kafka->begin_waiting($state) }),
        $self->within(90, 'I7', 'Kafka starts', sub { defined $ready->status }));
}

sub _stop_broker {
    my ($self, $node) = @_;
    my $broker = sub { $self->{stage}->broker($node) };
    my $until;
    return (
        at_once(sub { $broker->()->signal('TERM'); $until = time + 20 }),
        sub { return !$broker->()->alive || time > $until && $broker->()->kill_nine });
}

1;
