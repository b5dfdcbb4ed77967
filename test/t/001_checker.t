# The checker that judges what Kafka holds: from a history with one fault it must name this fault and no other.
use strict;
use warnings;

use Outbox::Checker;
use Test::More;

# Two keys, three events each, one event without a key, and a transaction that was rolled back.
sub event {
    my ($id, $key, $seq) = @_;
    return { id => $id, topic => 'orders', key => $key, seq => $seq, value => "{\"n\":\"$id\"}", headers => [ [ id => $id ], [ type => 't' ] ] };
}

my @transactions = (
    { name => 't1', outcome => 'ok', events => [ event('a1', 'a', 1), event('b1', 'b', 1) ] },
    { name => 't2', outcome => 'ok', events => [ event('a2', 'a', 2) ] },
    { name => 't3', outcome => 'fail', events => [ event('x1', 'a', 3) ] },
    { name => 't4', outcome => 'ok', events => [ event('a3', 'a', 3), event('b2', 'b', 2), event('b3', 'b', 3), event('n1', undef, undef) ] },
);

my %partition = (a => 0, b => 1, n => 2, x => 0);

# Kafka's records of the named events, each key in its partition, in the given order.
sub records {
    my %offset;
    return map {
        my $key = substr $_, 0, 1;
        my $partition = $partition{$key};
        {
            topic => 'orders', partition => $partition, offset => $offset{$partition}++, timestamp => 0,
            key => { a => 'a', b => 'b', x => 'a' }->{$key}, value => "{\"n\":\"$_\"}", headers => [ [ id => $_ ], [ type => 't' ] ],
        }
    } @_;
}

my @all = qw(a1 a2 a3 b1 b2 b3 n1);

sub verdict_is {
    my ($expected, $records, $name, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([ map { $_->[0] } check_history(\@transactions, $records, %options) ], $expected, $name);
}

# The history of all events, in which the code has changed one record.
sub changed {
    my ($change, @ids) = @_;
    my @records = records(@ids);
    local $_ = $records[-1];
    $change->();
    return \@records;
}

verdict_is([], [ records(@all) ], 'a clean history passes');
verdict_is([], [ records(@all) ], 'also where nothing may be repeated', duplicates => 'none');
verdict_is([], [ records(qw(b1 b2 b3 n1 a1 a2 a3)) ], 'the order between keys is open');

verdict_is(['lost'], [ records(grep { $_ ne 'a2' } @all) ], 'a lost event');
verdict_is(['lost'], [ records(grep { $_ ne 'a3' } @all) ], 'a lost last event');
verdict_is(['lost'], [ records(grep { $_ ne 'n1' } @all) ], 'a lost event without a key');
verdict_is([ ('lost') x 7 ], [], 'everything lost');

verdict_is(['phantom'], [ records(@all, 'x1') ], 'an event of a rolled-back transaction');
verdict_is(['phantom'], [ records(@all, 'a9') ], 'an invented event');
verdict_is(['phantom'], changed(sub { $_->{headers} = [] }, @all, 'a1'), 'a record without an id');

verdict_is(['order'], [ records(qw(a1 a3 a2 b1 b2 b3 n1)) ], 'two swapped events');
verdict_is(['order'], [ records(qw(a1 a3 a2 b1 b2 b3 n1)) ], 'two swapped events, repetitions allowed', duplicates => 'any');
verdict_is(['partition'], changed(sub { $_->{partition} = 5 }, qw(b1 b2 b3 n1 a1 a2 a3)), 'a key in two partitions');

verdict_is(['altered'], changed(sub { $_->{value} .= ' ' }, @all), 'an altered value');
verdict_is(['altered'], changed(sub { $_->{value} = undef }, @all), 'a value that became a tombstone');
verdict_is(['altered'], changed(sub { $_->{key} = '' }, @all), 'a key out of nothing');
verdict_is(['altered'], changed(sub { $_->{topic} = 'others' }, @all), 'a wrong topic');
verdict_is(['altered'], changed(sub { push @{ $_->{headers} }, [ x => 'y' ] }, @all), 'an added header');
verdict_is(['altered'], changed(sub { @{ $_->{headers} } = reverse @{ $_->{headers} } }, @all), 'headers in another order');

verdict_is([], [ records(qw(a1 a2 a1 a2 a3 b1 b2 b3 b1 b2 b3 n1 n1)) ], 'a replay passes');
verdict_is([], [ records(qw(a1 a2 a1 a1 a2 a3 a3 b1 b2 b3 n1)) ], 'a replay that was itself interrupted passes');
verdict_is(['altered_replay'], changed(sub { $_->{value} .= ' ' }, @all, 'a3'), 'an altered replay');
verdict_is(['duplicate'], [ records(@all, 'a3') ], 'a repetition without a fault', duplicates => 'none');
verdict_is(['replay'], [ records(qw(a1 a2 a3 a1 a3 b1 b2 b3 n1)) ], 'a replay with a hole');
verdict_is(['replay'], [ records(qw(a1 a2 a1 a3 b1 b2 b3 n1)) ], 'a replay that does not reach the end');
verdict_is([], [ records(qw(a1 a2 a3 a1 a3 b1 b2 b3 n1)) ], 'the same where it is open', duplicates => 'any');

verdict_is(
    [qw(phantom altered lost order)],
    changed(sub { $_->{value} = '' }, qw(a1 x1 a3 a2 b1 b2 n1)),
    'several at once are all named');

done_testing();
