# The faults of the relay itself.
package Outbox::Chaos::Faults::Relay;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use PostgreSQL::Test::Utils;

sub _relay_kill { my ($self, $fault) = @_; return ($self->_kill, after($fault->{down}), $self->_start) }
sub _relay_stop { my ($self, $fault) = @_; return ($self->_signal('STOP'), after($fault->{pause}), $self->_signal('CONT')) }
sub _relay_term { my ($self, $fault) = @_; return ($self->_end, after($fault->{down}), $self->_start) }

# The relay's clock jumps back and forth while the relay runs.
sub _clock_jump {
    my ($self, $fault) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir('clock') . '/offset';
    my $jump = sub {
        my ($offset) = @_;
        return (at_once(sub { unlink $file; PostgreSQL::Test::Utils::append_to_file($file, "$offset\n") }), after(1.2));
    };
    my %env = (LD_PRELOAD => Outbox::Chaos::Steps::faketime(), FAKETIME_TIMESTAMP_FILE => $file, FAKETIME_CACHE_DURATION => 1, DONT_FAKE_MONOTONIC => 1,
        FAKETIME_DONT_FAKE_MONOTONIC => 1);
    my ($first) = $jump->('+0');
    return ($self->_kill, $first, $self->_start(\%env), after(1), (map { $jump->($_) } split / /, $fault->{jumps}), $self->_kill,
        $self->_start);
}

# A second relay takes the slot of a frozen relay: the second relay waits until the server ends the frozen relay's session, or ends that session itself
# (--takeover). Then the first relay runs again, and has to wait for the slot.
sub _takeover {
    my ($self, $fault) = @_;
    my ($stage, $old) = ($self->{stage}, $self->{active});
    my $new = $old eq 'a' ? 'b' : 'a';
    my $start = at_once(sub { $stage->start_relay($new, undef, $fault->{how} eq 'force' ? '--takeover' : ()) });
    return (
        ($fault->{how} eq 'force' ? ($self->_signal('STOP'), $start) : ($start, after(0.5), $self->_signal('STOP'))),
        $self->within(60, 'I7', 'the other relay takes over', sub { $stage->relay($new)->log =~ /streaming from slot/ }),
        after($fault->{pause}), $self->_signal('CONT'), after(1),
        $self->_end($old), at_once(sub { $self->{active} = $new }));
}

1;
