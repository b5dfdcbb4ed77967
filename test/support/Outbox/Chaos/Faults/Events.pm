# The faults that come with what others do: long transactions, messages that are no events, events that Kafka refuses, deleted topics.
package Outbox::Chaos::Faults::Events;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use Time::HiRes qw(time);

# A transaction writes a row and then does nothing, so the slot keeps the WAL from that row on.
sub _open_transaction {
    my ($self, $fault) = @_;
    return (at_once(sub { $self->{writers}->start_idle($self->{stage}->node, $fault->{pause}) if $self->{server_up} }), after($fault->{pause}));
}

# A role without rights writes messages that are no events.
sub _foreign_messages {
    my ($self, $fault) = @_;
    return $self->_written(sub { $self->{writers}->start_foreign($self->{stage}->node, $fault->{count}) });
}

# A role that may emit writes events for the relay's own topics.
sub _own_topics {
    my ($self, $fault) = @_;
    return $self->_written(sub { $self->{writers}->start_own_topics($self->{stage}->node, $fault->{count}) });
}

# Starts a session and waits for its end.
sub _written {
    my ($self, $start) = @_;
    my $process;
    return (at_once(sub { $process = $start->() }), sub { return !$process->alive });
}

# Kafka refuses an event, and more events of the same key stand right behind the refused one: a relay, which gets all of them at once, must deliver none
# of those behind, and end with 8. Then the operator changes the topic so that the topic takes the event, and the relay goes on.
#   large    the event is larger than the topic's limit
#   lowered  the topic's limit is lowered after the event was written
#   compact  the topic becomes a compacted one after the event was written, and the event has no key
sub _poison {
    my ($self, $fault) = @_;
    my ($stage, $writers) = @$self{qw(stage writers)};
    my %topics = $writers->new_topics('poisoned', { partitions => 2 }, map { { partitions => 1 } } 1 .. 5);
    my ($topic, @others) = sort keys %topics;
    $topics{$topic}{max_bytes} = 20_000 if $fault->{how} eq 'large';
    my %refuse = (lowered => [20_000], compact => [ undef, 'cleanup.policy=compact' ]);
    return (
        $self->_kill,
        (map { my $name = $_; at_once(sub { $stage->create_topic($name, $topics{$name}) }) } sort keys %topics),
        $self->_written(sub { $writers->start_poison($stage->node, $fault->{how} eq 'compact' ? 'keyless' : 'large', $topic, @others) }),
        at_once(sub { $stage->configure_topic($topic, @{ $refuse{ $fault->{how} } }) if $refuse{ $fault->{how} } }),
        $self->_start, $self->_ends_with('8', 'a relay stops at a poisoned event'),
        at_once(sub { $stage->configure_topic($topic, 1_000_000) }),
        $self->_start,
        $self->within(90, 'I7', 'what was poison is delivered', $self->_all_delivered));
}

# An operator deletes a topic, and the topic's records are the operator's loss: the run captures the records before, while the relay is frozen or away and
# none of its records is on the way. The topic comes again while the relay delivers.
sub _topic_recreate {
    my ($self, $fault) = @_;
    my ($stage, $topic) = ($self->{stage}, $fault->{topic});
    my ($next, $ends) = (0, '');
    # With exactly-once delivery the relay ends: a frozen relay could commit a Kafka transaction to the deleted topic behind the capture.
    my $exactly_once = $stage->{delivery} eq 'exactly-once';
    return (
        $exactly_once ? $self->_end : $self->_signal('STOP'),
        sub {
            return 0 if time < $next;
            $next = time + 0.4;
            my $before = $ends;
            $ends = $stage->kafka->ends($topic);
            return $ends eq $before;
        },
        at_once(sub {
            $self->{capture}->($topic);
            $stage->kafka->delete_topic($topic);
        }),
        sub { return !$stage->kafka->keeps($topic) },
        $exactly_once ? $self->_start : $self->_signal('CONT'), after(0.5),
        at_once(sub { $stage->create_topic($topic, $self->{writers}->topic($topic)) }));
}

1;
