# Runs the faults of a round beside each other: starts each when it is due and its resources are free, calls the steps, and notes the end.
# Outbox::Chaos::Schedule says which fault comes when, Outbox::Chaos::Faults has the steps.
package Outbox::Chaos::Storm;

use strict;
use warnings;

use List::Util qw(min);
use Time::HiRes qw(sleep time);

# new(faults => Outbox::Chaos::Faults, history => Outbox::Chaos::History, tick => sub that is called all the time)
sub new { my ($class, %options) = @_; return bless { %options, busy => {} }, $class }

# Whether a fault occupies the resource now.
sub is_busy { my ($self, $resource) = @_; return $self->{busy}{$resource} }

# Runs until all faults are over, and for these seconds at least. Returns the number of faults.
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
        $clock += min($now - $before, 0.5);    # a long turn of the loop counts for half a second, so that later faults do not come all at once
        $before = $now;
    }
    return $count;
}

# Takes the due faults with free resources off the list. A fault never overtakes an earlier fault with the same resource.
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

# Calls the fault's next steps. False when the fault is over.
sub _advance {
    my ($self, $fault) = @_;
    shift @{ $fault->{steps} } while @{ $fault->{steps} } && $fault->{steps}[0]->();
    return 1 if @{ $fault->{steps} };
    $self->{busy}{$_}-- for @{ $fault->{resources} };
    $self->{history}->write('healed', kind => $fault->{kind});
    return 0;
}

1;
