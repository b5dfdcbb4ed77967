# The checker of the end-to-end tests: compares what writers committed with what Kafka holds, and names every broken promise. The checker knows
# neither PostgreSQL nor Kafka. test/t/001_checker.t tests it with histories that have one fault.
#
# A transaction is { name, outcome => 'ok' or 'fail', events => [...] }; an event is { id, topic, key, value, headers, seq }, where headers are [name,
# value] pairs as they must arrive, and seq orders the committed events of one topic and key by commit. The caller looks up unknown outcomes in the
# database before. A record is what Outbox::Kafka::consume returns, in offset order within each partition.
#
#   lost            a committed event is missing
#   phantom         a record that no committed transaction emitted
#   altered         key, value, headers or topic differ from what was emitted
#   altered_replay  a repeated record differs from what was emitted
#   partition       the records of one key are in two partitions
#   order           first occurrences within a key do not follow commit order
#   duplicate       a record came twice although nothing failed
#   replay          a repetition skips: it is not a replay of the stream from an earlier position
package Outbox::Checker;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw(check_history history_ok);

# check_history(transactions, records, duplicates => 'none' | 'any' | 'replays'): a list of [violation, what about].
# 'any' accepts any order of repetitions: a frozen broker may wake up and append what a dead relay had sent.
sub check_history {
    my ($transactions, $records, %options) = @_;
    my $self = bless { duplicates => $options{duplicates} // 'replays', violations => [] }, __PACKAGE__;
    $self->_learn_events($transactions);
    $self->_judge_records($records);
    $self->_find_lost;
    $self->_judge_sequences;
    return @{ $self->{violations} };
}

# The same as a test assertion, which prints the first violations.
sub history_ok {
    my ($transactions, $records, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @violations = check_history($transactions, $records, %options);
    my %ids = map { (_id($_) // '') => 1 } @$records;
    note sprintf '%s: %d transactions, %d records, %d of them repeated', $name, scalar @$transactions, scalar @$records,
        @$records - keys %ids;
    ok(!@violations, $name);
    diag scalar(@violations) . ' violations' if @violations;
    diag "$_->[0]: $_->[1]" for @violations[ 0 .. ($#violations < 9 ? $#violations : 9) ];
    return !@violations;
}

sub _violation {
    my ($self, $name, $about) = @_;
    push @{ $self->{violations} }, [ $name, $about ];
    return;
}

sub _learn_events {
    my ($self, $transactions) = @_;
    for my $transaction (@$transactions) {
        for my $event (@{ $transaction->{events} }) {
            $self->{committed}{ $event->{id} } = $event if $transaction->{outcome} eq 'ok';
            $self->{origin}{ $event->{id} } = "$transaction->{name} ($transaction->{outcome})";
        }
    }
    return;
}

# Checks every record, and collects the sequence of each key's events.
sub _judge_records {
    my ($self, $records) = @_;
    for my $record (@$records) {
        my $id = _id($record);
        my $where = "$record->{topic}/$record->{partition}\@$record->{offset}";
        my $event = defined $id ? $self->{committed}{$id} : undef;
        if (!$event) {
            my $origin = defined $id ? $self->{origin}{$id} // 'of no transaction' : 'without id';
            $self->_violation('phantom', "$where $origin");
            next;
        }
        my $repeated = $self->{seen}{$id}++;
        my $difference = _difference($event, $record);
        $self->_violation($repeated ? 'altered_replay' : 'altered', "$where $id: $difference") if $difference;
        $self->_violation('duplicate', "$where $id") if $repeated && $self->{duplicates} eq 'none';
        next if !defined $event->{key};
        my $sequence = $self->{sequences}{"$event->{topic} $event->{key}"} //= { partition => $record->{partition} };
        $self->_violation('partition', "$where $id") if $sequence->{partition} != $record->{partition};
        push @{ $sequence->{events} }, $event;
    }
    return;
}

sub _find_lost {
    my ($self) = @_;
    for my $id (sort grep { !$self->{seen}{$_} } keys %{ $self->{committed} }) {
        $self->_violation('lost', "$id of $self->{origin}{$id}");
    }
    return;
}

sub _judge_sequences {
    my ($self) = @_;
    for my $key (sort keys %{ $self->{sequences} }) {
        $self->_judge_sequence($key, $self->{sequences}{$key}{events});
    }
    return;
}

# Ranks number the events that arrived, so that a lost event is not also reported as a wrong order.
sub _judge_sequence {
    my ($self, $key, $events) = @_;
    my %distinct = map { $_->{id} => $_ } grep { defined $_->{seq} } @$events;
    my %rank;
    $rank{ $_->{id} } = 1 + keys %rank for sort { $a->{seq} <=> $b->{seq} } values %distinct;
    my ($previous, $highest, %seen) = (0, 0);
    for my $event (grep { defined $_->{seq} } @$events) {
        my $rank = $rank{ $event->{id} };
        my $repeated = $seen{$rank}++;
        $self->_violation('order', "$key: $event->{id} after a later one") if !$repeated && $rank < $highest;
        my $skips = $repeated ? $rank > $previous + 1 : $rank > $highest && $previous < $highest;
        $self->_violation('replay', "$key: from $previous to $rank of $highest") if $skips && $self->{duplicates} eq 'replays';
        $previous = $rank;
        $highest = $rank if $rank > $highest;
    }
    return;
}

sub _difference {
    my ($event, $record) = @_;
    for my $field (qw(topic key value)) {
        return $field if !_same($event->{$field}, $record->{$field});
    }
    return _flat($event->{headers}) eq _flat($record->{headers}) ? undef : 'headers';
}

sub _same {
    my ($left, $right) = @_;
    return !defined $right if !defined $left;
    return defined $right && $left eq $right;
}

sub _flat {
    my ($headers) = @_;
    return join "\n", map { $_->[0] . "\0" . ($_->[1] // "\0") } @$headers;
}

sub _id {
    my ($record) = @_;
    my ($id) = grep { $_->[0] eq 'id' } @{ $record->{headers} };
    return $id && $id->[1];
}

1;
