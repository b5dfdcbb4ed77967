# The faults of the server, or of one process of the server.
package Outbox::Chaos::Faults::Postgres;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use Outbox::Node qw(children crash postmaster slot);
use Time::HiRes qw(time);

sub _pg_crash {
    my ($self, $fault) = @_;
    return ($self->_down(sub { crash($_[0]) }), after($fault->{down}), $self->_up);
}

# An immediate shutdown. A shutdown that takes long is no fault of the relay, so the run kills the server then.
sub _pg_immediate {
    my ($self, $fault) = @_;
    my ($stop, $until);
    return (
        $self->_down(sub { $stop = Outbox::Chaos::Faults::_pg_ctl($_[0], 'immediate'); $until = time + 8 }),
        sub { return defined $stop->status || time > $until },
        at_once(sub {
            my $node = $self->{stage}->node;
            defined $stop->status ? $node->_update_pid(-1) : crash($node);
        }),
        after($fault->{down}), $self->_up);
}

sub _pg_fast { my ($self, $fault) = @_; return ($self->_stop_fast, after($fault->{down}), $self->_up) }

# All processes of the server are frozen, while the kernel keeps their connections.
sub _pg_freeze {
    my ($self, $fault) = @_;
    my @processes;
    return (
        $self->_down(sub {
            my $postmaster = postmaster($_[0]);
            @processes = ($postmaster, children($postmaster));
            kill 'STOP', @processes;
        }),
        after($fault->{pause}),
        at_once(sub { kill 'CONT', @processes; $self->{server_up} = 1 }));
}

# Only the relay's walsender is frozen.
sub _walsender_freeze {
    my ($self, $fault) = @_;
    my $process;
    return (
        at_once(sub {
            $process = slot($self->{stage}->node, 'active_pid');
            kill 'STOP', $process if $process;
        }),
        after($fault->{pause}), at_once(sub { kill 'CONT', $process if $process }));
}

# The server's clock is days off until a restart. The setting chaos.clock_ahead_s tells the observer the difference.
sub _pg_clock {
    my ($self, $fault) = @_;
    my $start = sub {
        my ($days) = @_;
        return at_once(sub {
            local %ENV = %ENV;
            @ENV{qw(LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC)} = (Outbox::Chaos::Steps::faketime(), sprintf('%+dd', $days), 1, 1) if $days;
            my $node = $self->{stage}->node;
            $node->append_conf('postgresql.conf', 'chaos.clock_ahead_s = ' . $days * 86400);
            $node->start;
            $self->_is_up;
        });
    };
    return ($self->_stop_fast, $start->($fault->{days}), after($fault->{pause}), $self->_stop_fast, $start->(0));
}

1;
