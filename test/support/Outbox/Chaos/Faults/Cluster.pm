# The faults of a cluster of three brokers.
package Outbox::Chaos::Faults::Cluster;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);
use Time::HiRes qw(time);

# Two of three brokers are away: fewer replicas are in sync than a write needs.
sub _brokers_below_minimum {
    my ($self, $fault) = @_;
    my ($one, $other) = split / /, $fault->{nodes};
    my $stage = $self->{stage};
    return (
        at_once(sub { $stage->broker($_)->kill_nine for $one, $other }), after($fault->{down}),
        at_once(sub { $stage->broker($one)->launch }), $self->_launch($other));
}

# Restarts the brokers as for an update: one after the other, each when all replicas are in sync again.
sub _rolling_restart {
    my ($self) = @_;
    return map { ($self->_stop_broker($_), $self->_launch($_, 'in-sync')) } $self->{stage}->broker_ids;
}

sub _controller_kill {
    my ($self, $fault) = @_;
    return $self->_node_kill($fault, sub { $_[0]->controller });
}

# Kills the leader of a topic's first partition. The leader of __transaction_state coordinates the Kafka transactions; the topic exists with exactly-once
# delivery only.
sub _leader_kill {
    my ($self, $fault) = @_;
    return $self->_node_kill($fault, sub { $_[0]->leader($fault->{topic}) // $_[0]->leader('orders') });
}

sub _node_kill {
    my ($self, $fault, $node_of) = @_;
    my $stage = $self->{stage};
    my @launch;
    return (
        at_once(sub { my $node = $node_of->($stage->kafka); $stage->broker($node)->kill_nine; @launch = $self->_launch($node) }),
        after($fault->{down}), sub { $launch[0]->() }, sub { $launch[1]->() });
}

# Cuts a broker off from the other brokers, while clients reach the broker.
sub _broker_island {
    my ($self, $fault) = @_;
    my $kafka = $self->{stage}->kafka;
    return (at_once(sub { $kafka->isolate($fault->{node}) }), after($fault->{pause}), at_once(sub { $kafka->join_again($fault->{node}) }));
}

sub _partitions_added {
    my ($self) = @_;
    my $topic = $self->{writers}->growing_topic or return;
    return at_once(sub { $self->{stage}->kafka->add_partitions($topic, ++$self->{writers}->topic($topic)->{partitions}) });
}

# A node loses its replicas of a topic and gets replicas again, and each partition has another leader.
sub _reassignment {
    my ($self, $fault) = @_;
    my $kafka = $self->{stage}->kafka;
    my $count = $self->{writers}->topic($fault->{topic})->{partitions};
    my @left = grep { $_ != $fault->{without} } $self->{stage}->broker_ids;
    return (
        at_once(sub { $kafka->reassign($fault->{topic}, map { $_ % 2 ? [@left] : [ reverse @left ] } 1 .. $count) }),
        after($fault->{pause}),
        at_once(sub { $kafka->reassign($fault->{topic}, map { [ $fault->{without}, @left ] } 1 .. $count) }),
        $self->_in_sync);
}

sub _in_sync {
    my ($self) = @_;
    my $ready;
    return (
        at_once(sub { $ready = $self->{stage}->kafka->begin_waiting('in-sync') }),
        $self->within(90, 'I7', 'replicas are in sync', sub { defined $ready->status }));
}

# Kafka loses records: a topic allows an unclean election, the follower is away while the leader takes events, and becomes the leader when the old leader
# has died. The run captures the acknowledged records before, since Kafka and not the relay loses them. The relay logs the loss; with exactly-once
# delivery the relay stops with 6 at the next event.
sub _unclean_election {
    my ($self, $fault) = @_;
    my ($stage, $writers) = @$self{qw(stage writers)};
    my $kafka = $stage->kafka;
    my ($topic) = $writers->new_topics('unclean', { partitions => 1, settings => [qw(min.insync.replicas=1 unclean.leader.election.enable=true)] });
    my ($leader, $follower) = split / /, $fault->{nodes};
    my $end;
    my $emit = sub { my ($count) = @_; return $self->_written(sub { $writers->start_events($stage->node, $topic, $count) }) };
    my $delivered = sub { return $self->within(90, 'I7', "$_[0] is delivered", $self->_all_delivered) };
    my @said = $stage->{delivery} eq 'exactly-once'
        ? ($self->_ends_with('6', 'a relay stops where Kafka has lost records'), $self->_start)
        : $self->within(90, 'I7', 'a relay says what Kafka has lost', sub { $self->active_relay->log =~ /has lost records of topic "$topic"/ });
    return (
        at_once(sub { $stage->create_topic($topic, $writers->topic($topic)); $kafka->reassign($topic, [ $leader, $follower ]) }), $self->_in_sync,
        $emit->(3), $delivered->('an event of the topic'), $self->_stop_broker($follower),
        at_once(sub { $end = $kafka->end_of($topic) }), $emit->(3), $delivered->('an event without its follower'),
        at_once(sub { $self->{capture}->($topic, $end); $stage->broker($leader)->kill_nine; $stage->broker($follower)->launch }),
        $self->within(120, 'I8', 'the follower leads', _every_second(sub { (eval { $kafka->end_of($topic) } // $end + 1) <= $end })),
        at_once(sub { $stage->release_relay($self->{active}) if $stage->{delivery} eq 'exactly-once' }),
        $emit->(1), @said, $self->_launch($leader, 'in-sync'), $delivered->('an event after the loss'));
}

# Asks the condition once a second at most, since the condition starts a program.
sub _every_second {
    my ($condition) = @_;
    my $next = 0;
    return sub {
        return 0 if time < $next;
        $next = time + 1;
        return $condition->();
    };
}

1;
