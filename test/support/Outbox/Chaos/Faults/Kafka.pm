# The faults of one broker, in a cluster or alone.
package Outbox::Chaos::Faults::Kafka;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use Time::HiRes qw(time);

sub _broker_kill {
    my ($self, $fault) = @_;
    return (at_once(sub { $self->{stage}->broker($fault->{node})->kill_nine }), after($fault->{down}), $self->_launch($fault->{node}));
}

sub _broker_restart {
    my ($self, $fault) = @_;
    return ($self->_stop_broker($fault->{node}), after($fault->{down}), $self->_launch($fault->{node}));
}

sub _broker_pause {
    my ($self, $fault) = @_;
    my $broker = sub { $self->{stage}->broker($fault->{node}) };
    return (at_once(sub { $broker->()->pause }), after($fault->{pause}), at_once(sub { $broker->()->resume }));
}

# A broker with a full disk takes the disk out of use, and ends.
sub _disk_full {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    my $until;
    return (
        at_once(sub { $stage->on_disk('dd if=/dev/zero of=filler bs=64k 2>/dev/null || true'); $until = time + 6 }),
        sub { return !$stage->kafka->alive || time > $until },
        after($fault->{down}), at_once(sub { $stage->on_disk('rm -f filler'); $stage->kafka->kill_nine }), $self->_launch);
}

1;
