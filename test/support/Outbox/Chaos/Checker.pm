# The judge of a chaos run: compares one round's books, its stream as a second slot saw it, the records in Kafka and the samples of the
# slot's position and of the relay's memory, and names every broken invariant. The checker knows neither PostgreSQL nor Kafka, and no clock.
# Tested by test/t/041_chaos_checker.t, whose histories have one violation each.
#
#   I1  loss: Kafka lacks a committed event; a committed transaction lacks its row, or a row its committed transaction
#   I2  phantom: a record that no committed transaction emitted
#   I3  order: first occurrences do not follow the commit order, within a key and within a partition
#   I4  duplicates: more replays than sessions of relays, a replay that skips, with exactly-once delivery any duplicate
#   I5  the slot was confirmed past a transaction that Kafka did not have, or to where no transaction ends
#   I6  key, headers or payload are not as emitted, also in a repetition
#   I8  the relay took more memory than it may
package Outbox::Chaos::Checker;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);

our @EXPORT_OK = qw(lsn_number);

my $clock_slack_ms = 2;

# new(delivery => 'at-least-once' or 'exactly-once', previous => [checkers of the rounds before], memory_kb_max => n). After a crash of the
# server, events of the rounds before may come again, and must be the same as before.
sub new {
    my ($class, %options) = @_;
    return bless {
        delivery => $options{delivery}, previous => $options{previous} // [], violations => [], events => {}, partitions => {},
        memory_kb_max => $options{memory_kb_max}, memory_kb => 0, transactions => [], samples => [], sessions => 1, records => 0, repeated => 0, late => 0,
    }, $class;
}

sub lsn_number {
    my ($high, $low) = split m{/}, $_[0];
    return (hex($high) << 32) + hex $low;
}

# The parts of an event that arrive in Kafka, as one string. All parts are bytes.
sub fingerprint {
    my ($topic, $key, $headers, $payload) = @_;
    my @parts = map { defined $_ ? length($_) . ":$_" : '-' } $topic, $key, (map { @$_ } @$headers), $payload;
    return sha256_hex(join ',', @parts);
}

# ---- what happened --------------------------------------------------------------------------------------------------

# Takes the books in the form that Outbox::Chaos::Writers::books returns.
sub add_books {
    my ($self, $transactions, $events, $unheard) = @_;
    $self->_violation('I1', "$_ is in the database, and in no book") for @$unheard;
    for my $name (sort keys %$transactions) {
        my ($outcome, $committed) = @{ $transactions->{$name} }{qw(outcome committed)};
        $self->_violation('I1', "transaction $name is $outcome for its writer, and " . ($committed ? '' : 'not ') . 'in the database')
            if $outcome ne 'unknown' && $committed != ($outcome eq 'ok');
    }
    for my $event (@$events) {
        my $whole = $transactions->{ $event->{txn} };
        $self->_violation('I1', "event $event->{id} and its transaction $event->{txn} differ in fate")
            if $event->{committed} != ($whole ? $whole->{committed} : 0);
        $self->{events}{ $event->{id} } = {
            committed => $event->{committed}, topic => $event->{topic}, key => $event->{key}, seq => $event->{seq}, txn => $event->{txn},
            fingerprint => fingerprint(@$event{qw(topic key headers payload)}),
        };
    }
    return;
}

# Takes the next transaction of the stream: its end LSN and the ids of its events.
sub add_transaction {
    my ($self, $end, @ids) = @_;
    my $number = push @{ $self->{transactions} }, { end => $end, appended => 0 };
    for my $id (@ids) {
        my $event = $self->{events}{$id};
        if (!$event) { $self->_violation('I2', "$id is in the stream, and in no book") }
        elsif (defined $event->{place}) { $self->_violation('I2', "$id is in the stream twice") }
        else { @$event{qw(transaction place)} = ($number - 1, ++$self->{places}) }
    }
    return;
}

# Takes a record; the caller keeps the order of offsets within each partition. Records of a topic that was created again follow the captured records of
# the deleted topic. `payload` is the SHA-256 of the value in hex, `time` the moment at which the broker appended the record (ms); `moves`: the topic
# gets partitions, so keys change their partitions.
sub add_record {
    my ($self, $record) = @_;
    my $where = "$record->{topic}/$record->{partition}\@$record->{offset}";
    my ($id) = map { $_->[1] } grep { $_->[0] eq 'id' } @{ $record->{headers} };
    $id //= '(none)';
    $self->{records}++;
    my $event = $self->{events}{$id};
    return $self->_judge_late($where, $id, $record) if !$event;
    return $self->_violation('I2', "$where: $id of $event->{txn}, which was not committed") if !$event->{committed};
    $self->_judge_bytes($where, $id, $event, $record);
    $self->{repeated}++ if defined $event->{appended};
    $self->_violation('I4', "$where: $id is there twice") if defined $event->{appended} && $self->{delivery} eq 'exactly-once';
    $event->{appended} = $record->{time} if !defined $event->{appended} || $record->{time} < $event->{appended};
    my $partition = $self->{partitions}{"$record->{topic}/$record->{partition}"} //= { events => [] };
    push @{ $partition->{events} }, $event if defined $event->{key} || $record->{fixed};
    return if !defined $event->{key} || $record->{moves};
    my $home = \$self->{homes}{"$event->{topic} $event->{key}"};
    $self->_violation('I3', "$where: a key in two partitions") if ($$home //= $record->{partition}) != $record->{partition};
    return;
}

# The topic was deleted and created again. The old partitions refuse a batch, and the new partitions may accept the next batch before the refused one
# comes again: at least once, everything behind the refused batch then comes again, too.
sub recreated { my ($self, $topic) = @_; $self->{recreated}{$topic} = 1 if $self->{delivery} eq 'at-least-once'; return }

# Takes a sample of the slot: the time (ms) and the confirmed position.
sub add_sample { my ($self, $time, $lsn) = @_; push @{ $self->{samples} }, [ $time, $lsn ]; return }

# Takes the peak memory of a relay; the largest one counts.
sub add_memory { my ($self, $kb) = @_; $self->{memory_kb} = $kb if $kb > $self->{memory_kb}; return }

# Takes the number of the relays' sessions: each begins at the slot's position and goes on without a gap.
sub add_sessions { my ($self, $count) = @_; $self->{sessions} += $count; return }

# ---- the verdict ----------------------------------------------------------------------------------------------------

# Returns [invariant, sentence] of each violation. The caller asks once.
sub verdict {
    my ($self) = @_;
    $self->_find_lost;
    $self->_judge_stream;
    $self->_judge_partition($_) for sort keys %{ $self->{partitions} };
    $self->_judge_samples;
    $self->_violation('I8', "the relay took $self->{memory_kb} kB of $self->{memory_kb_max}") if $self->{memory_kb} > $self->{memory_kb_max};
    return @{ $self->{violations} };
}

sub counts {
    my ($self) = @_;
    my $emitted = grep { $_->{committed} } values %{ $self->{events} };
    my $delivered = grep { defined $_->{appended} } values %{ $self->{events} };
    return { emitted => $emitted, delivered => $delivered, duplicates => $self->{repeated} + $self->{late},
        rolled_back => keys(%{ $self->{events} }) - $emitted, records => $self->{records} };
}

# Keeps of this round only the fingerprints, which later rounds need.
sub shrink {
    my ($self) = @_;
    %$self = (events => { map { $_ => { fingerprint => $self->{events}{$_}{fingerprint} } }
                grep { $self->{events}{$_}{committed} } keys %{ $self->{events} } });
    return $self;
}

sub _violation { my ($self, $invariant, $about) = @_; push @{ $self->{violations} }, [ $invariant, $about ]; return }

# Judges a record whose event is not of this round: a repetition of an earlier round's event, or a phantom.
sub _judge_late {
    my ($self, $where, $id, $record) = @_;
    my ($event) = grep { $_ } map { $_->{events}{$id} } @{ $self->{previous} };
    return $self->_violation('I2', "$where: $id of no transaction") if !$event;
    $self->{late}++;
    $self->_violation('I4', "$where: $id of an earlier round") if $self->{delivery} eq 'exactly-once';
    return $self->_judge_bytes($where, $id, $event, $record);
}

sub _judge_bytes {
    my ($self, $where, $id, $event, $record) = @_;
    $self->_violation('I6', "$where: $id differs from what was emitted")
        if $event->{fingerprint} ne fingerprint(@$record{qw(topic key headers payload)});
    return;
}

sub _find_lost {
    my ($self) = @_;
    for my $id (sort keys %{ $self->{events} }) {
        my $event = $self->{events}{$id};
        next if !$event->{committed};
        my $how = !defined $event->{appended} ? 'is not in Kafka' : undef;
        $how = 'is not even in the stream' if !defined $event->{place};
        $self->_violation('I1', "$id of $event->{txn} ($event->{topic}) $how") if $how;
    }
    return;
}

# The stream has committed events only, in the commit order of each key. The writers' counters say the commit order, without a look at the stream.
sub _judge_stream {
    my ($self) = @_;
    my %highest;
    for my $event (sort { $a->{place} <=> $b->{place} } grep { defined $_->{place} } values %{ $self->{events} }) {
        $self->_violation('I2', "an event of $event->{txn} is in the stream without being committed") if !$event->{committed};
        next if !defined $event->{key};
        my $highest = \$highest{"$event->{topic} $event->{key}"};
        $self->_violation('I3', "the stream has $event->{txn} out of its key's order") if $event->{seq} <= ($$highest // 0);
        $$highest = $event->{seq};
    }
    return;
}

# First occurrences follow the stream's order, and the whole sequence of records can be dealt out to the relays' sessions, each without a gap. Ranks
# number the events that arrived, so that a lost event is not reported as a wrong order, too.
sub _judge_partition {
    my ($self, $name) = @_;
    my @events = grep { defined $_->{place} } @{ $self->{partitions}{$name}{events} };
    my %distinct = map { $_->{place} => 1 } @events;
    my %rank;
    $rank{$_} = 1 + keys %rank for sort { $a <=> $b } keys %distinct;
    my ($highest, $sessions, %seen, %ends) = (0, 0);
    my %last = map { $rank{ $events[$_]{place} } => $_ } 0 .. $#events;
    my $recreated = $self->{recreated}{ $name =~ s{/\d+$}{}r };
    for my $index (0 .. $#events) {
        my $event = $events[$index];
        my $rank = $rank{ $event->{place} };
        $self->_violation('I3', "$name: an event of $event->{txn} after a later one")
            if !$seen{$rank}++ && $rank < $highest && !($recreated && !grep { $_ > $rank && $last{$_} < $index } keys %seen);
        $highest = $rank if $rank > $highest;
        if ($ends{ $rank - 1 }) { $ends{ $rank - 1 }-- }
        else { $sessions++ }
        $ends{$rank}++;
    }
    $self->_violation('I4', "$name: needs $sessions sessions to explain its replays, there were $self->{sessions}")
        if $sessions > $self->{sessions};
    return;
}

# Compares the samples with the time from which Kafka had a transaction and all transactions before, completely.
sub _judge_samples {
    my ($self) = @_;
    my @transactions = @{ $self->{transactions} };
    for my $event (values %{ $self->{events} }) {
        next if !defined $event->{transaction};
        my $appended = $event->{appended} // 9**9**9;
        my $transaction = $transactions[ $event->{transaction} ];
        $transaction->{appended} = $appended if $appended > $transaction->{appended};
    }
    my $latest = 0;
    for my $transaction (@transactions) {
        $latest = $transaction->{appended} if $transaction->{appended} > $latest;
        $transaction->{complete} = $latest;
    }
    $self->_judge_sample(\@transactions, @$_) for @{ $self->{samples} };
    return;
}

sub _judge_sample {
    my ($self, $transactions, $time, $lsn) = @_;
    $self->_violation('I5', sprintf 'at %.3f the slot stood at %X, where no record ends', $time / 1000, $lsn) if $lsn % 8;
    my ($low, $high) = (0, scalar @$transactions);    # the number of confirmed transactions lies between the two
    while ($low < $high) {
        my $middle = int(($low + $high) / 2);
        if ($transactions->[$middle]{end} <= $lsn) { $low = $middle + 1 }
        else { $high = $middle }
    }
    return if !$low || $transactions->[ $low - 1 ]{complete} <= $time + $clock_slack_ms;
    $self->_violation('I5', sprintf 'at %.3f the slot was confirmed up to %X, but Kafka had all of that only at %.3f',
        $time / 1000, $lsn, $transactions->[ $low - 1 ]{complete} / 1000);
    return;
}

1;
