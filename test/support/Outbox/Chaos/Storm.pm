# Faults beside each other, each in its time: who comes when, who has to wait for what another one occupies, who is over. What a fault does is
# the business of Outbox::Chaos::Faults, what comes when that of Outbox::Chaos::Schedule.
package Outbox::Chaos::Storm;

use strict;
use warnings;

use List::Util qw(min);
use Time::HiRes qw(sleep time);

# new(faults => Outbox::Chaos::Faults, history => Outbox::Chaos::History, tick => sub that is called all the time)
sub new { my ($class, %options) = @_; return bless { %options, busy => {} }, $class }

# Whether a fault occupies the resource now.
sub is_busy { my ($self, $resource) = @_; return $self->{busy}{$resource} }

# Until all faults are over, and for so many seconds at least. Returns how many there were.
sub run {
    my ($self, $least_s, @faults) = @_;
    my ($clock, $before, $count) = (0, time, 0);
    my @active;
    while (@faults || @active || $clock < $least_s) {
        $self->{tick}->();
        my @new = $self->_launch($clock, \@faults);
        $count += @new;
        @active = grep { $self->_advance($_) } @active, @new;
        sleep 0.02;
        my $now = time;
        $clock += min($now - $before, 0.5);    # what has to wait, waits for all
        $before = $now;
    }
    return $count;
}

# Takes from the list what is due and finds its resources free; a later one never overtakes an earlier one of the same resource.
sub _launch {
    my ($self, $now, $faults) = @_;
    my (@launched, @left, %taken);
    for my $fault (@$faults) {
        my $is_free = $fault->{at} <= $now && !grep { $self->{busy}{$_} || $taken{$_} } @{ $fault->{resources} };
        my @steps = $is_free ? $self->{faults}->steps($fault) : ();
        if ($is_free && !@steps) {
            $self->{history}->write('skipped', kind => $fault->{kind});
        }
        elsif ($is_free) {
            $self->{busy}{$_}++ for @{ $fault->{resources} };
            $self->{history}->fault($fault);
            push @launched, { %$fault, steps => \@steps };
        }
        else {
            push @left, $fault;
            $taken{$_} = 1 for @{ $fault->{resources} };
        }
    }
    @$faults = @left;
    return @launched;
}

# False when it is over.
sub _advance {
    my ($self, $fault) = @_;
    shift @{ $fault->{steps} } while @{ $fault->{steps} } && $fault->{steps}[0]->();
    return 1 if @{ $fault->{steps} };
    $self->{busy}{$_}-- for @{ $fault->{resources} };
    $self->{history}->write('healed', kind => $fault->{kind});
    return 0;
}

1;
