# What others write: transactions that do not end, messages that are no events, events that Kafka refuses, topics that are deleted.
package Outbox::Chaos::Faults::Events;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use Time::HiRes qw(time);

# A transaction that has written something and then does nothing: the slot cannot let go of the WAL since.
sub _open_transaction {
    my ($self, $fault) = @_;
    return (at_once(sub { $self->{writers}->start_idle($self->{stage}->node, $fault->{pause}) if $self->{server_up} }), after($fault->{pause}));
}

# By a role that has no rights.
sub _foreign_messages {
    my ($self, $fault) = @_;
    return $self->_written(sub { $self->{writers}->start_foreign($self->{stage}->node, $fault->{count}) });
}

# By a role that may emit.
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

# An event that its topic does not take, and others of its key right behind it, which a relay gets all at once: it must deliver none of
# those, and end with 8. Then the operator lets the topic take it, for good, and the relay goes on as if nothing had been.
#   large    the topic never took so much
#   lowered  the topic took so much, until the events had been written
#   compact  the topic became one of keys, and the event has none
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

# Deleting a topic is its operator's act, and so are the records that go with it: what is there is read before, with the relay frozen and
# nothing of it on its way. From then on the relay has to cope.
sub _topic_recreate {
    my ($self, $fault) = @_;
    my ($stage, $topic) = ($self->{stage}, $fault->{topic});
    my ($next, $ends) = (0, '');
    # A frozen relay may have a Kafka transaction under way, which would be committed to what is deleted, unseen by the capture.
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
