# The checker of the chaos runs: from a history that breaks one invariant it must name this invariant and no other.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Chaos::Schedule;
use Test::More;

# Two keys in two partitions, a topic of one partition, an event without a key, a transaction that was rolled back, and one whose outcome is unknown.
sub event {
    my ($id, $txn, $topic, $key, $seq, $committed) = @_;
    return { id => $id, txn => $txn, topic => $topic, key => $key, seq => $seq, headers => [ [ id => $id ], [ type => 't' ] ],
        payload => sha256_hex("payload of $id"), committed => $committed // 1 };
}

my %story;
sub tell_again {
    %story = (
        transactions => {
            t1 => { outcome => 'ok', committed => 1 }, t2 => { outcome => 'ok', committed => 1 }, t3 => { outcome => 'fail', committed => 0 },
            t4 => { outcome => 'unknown', committed => 1 }, t5 => { outcome => 'unknown', committed => 0 },
        },
        events => [
            event('a1', 't1', 'orders', 'a', 1), event('b1', 't1', 'orders', 'b', 1), event('a2', 't2', 'orders', 'a', 2),
            event('x1', 't3', 'orders', 'a', 5, 0), event('a3', 't4', 'orders', 'a', 3), event('b2', 't4', 'orders', 'b', 2),
            event('n1', 't4', 'orders', undef, undef), event('j1', 't2', 'journal', undef, undef), event('j2', 't4', 'journal', undef, undef),
            event('y1', 't5', 'orders', 'a', 4, 0),
        ],
        unheard => [],
        stream => [ [ 0x100, qw(a1 b1) ], [ 0x200, qw(a2 j1) ], [ 0x300, qw(a3 b2 n1 j2) ] ],
        records => [qw(a1 b1 a2 j1 a3 b2 n1 j2)],
        samples => [ [ 1900, 0x80 ], [ 2010.5, 0x100 ], [ 2040, 0x200 ], [ 2100, 0x300 ] ],
        memory => [ 900, 1000, 950 ],
        sessions => 0,
        delivery => 'at-least-once',
        previous => [],
        change => sub { },
    );
    return;
}

# Each record is appended ten milliseconds after the record before.
sub records {
    my ($time, %offset) = (1990);
    my %event = map { $_->{id} => $_ } @{ $story{events} };
    return map {
        my $event = $event{$_} // event($_, 'none', 'orders', 'a', 0);
        my $partition = { a => 0, b => 1, x => 0, n => 2, j => 0 }->{ substr $_, 0, 1 } // 0;
        my $record = { topic => $event->{topic}, partition => $partition, offset => $offset{"$event->{topic}$partition"}++, time => $time += 10,
            key => $event->{key}, headers => [ map { [@$_] } @{ $event->{headers} } ], payload => $event->{payload}, fixed => $event->{topic} eq 'journal' };
        $record;
    } @{ $story{records} };
}

sub verdict {
    my $checker = Outbox::Chaos::Checker->new(delivery => $story{delivery}, previous => $story{previous}, memory_kb_max => 1000);
    $checker->add_books(@story{qw(transactions events unheard)});
    $checker->add_transaction(@$_) for @{ $story{stream} };
    my @records = records();
    $story{change}->(\@records);
    $checker->add_record($_) for @records;
    $checker->recreated($_) for @{ $story{recreated} // [] };
    $checker->add_sample(@$_) for @{ $story{samples} };
    $checker->add_sessions($story{sessions});
    $checker->add_memory($_) for @{ $story{memory} };
    my %names = map { $_->[0] => 1 } $checker->verdict;
    return (join(' ', sort keys %names), $checker);
}

sub is_verdict {
    my ($expected, $name, $plant) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    tell_again();
    $plant->();
    is((verdict())[0], $expected, $name);
    return;
}

sub without { my ($id) = @_; $story{records} = [ grep { $_ ne $id } @{ $story{records} } ]; $story{samples} = []; return }

is_verdict('', 'a clean history passes', sub { });
is_verdict('', 'also in exactly-once', sub { $story{delivery} = 'exactly-once' });

is_verdict('I1', 'a lost event', sub { without('a2') });
is_verdict('I1', 'a lost event without a key', sub { without('n1') });
is_verdict('I1', 'a lost last event', sub { without('j2') });
is_verdict('I1', 'a lost event of a transaction of unknown outcome', sub { without('b2') });
is_verdict('I1', 'an event missing in the stream as well', sub { without('a2'); $story{stream}[1] = [ 0x200, 'j1' ] });
is_verdict('I1', 'a transaction that its writer saw committed is gone', sub { $story{transactions}{t9} = { outcome => 'ok', committed => 0 } });
is_verdict('I1', 'one that its writer rolled back is there', sub { $story{transactions}{t9} = { outcome => 'fail', committed => 1 } });
is_verdict('I1', 'an event survived its transaction', sub { $story{transactions}{t4}{committed} = 0 });
is_verdict('I1', 'a row that nobody wrote', sub { $story{unheard} = ['t9'] });

is_verdict('I2', 'an event of a rolled-back transaction', sub { push @{ $story{records} }, 'x1' });
is_verdict('I2', 'one of a transaction that died', sub { push @{ $story{records} }, 'y1' });
is_verdict('I2', 'an invented event', sub { push @{ $story{records} }, 'a9' });
is_verdict('I2', 'a record without an id', sub { $story{change} = sub { push @{ $_[0] }, { %{ $_[0][0] }, headers => [] } } });
is_verdict('I2', 'the stream has what was rolled back', sub { push @{ $story{stream} }, [ 0x400, 'x1' ] });
is_verdict('I2', 'the stream has an event twice', sub { push @{ $story{stream} }, [ 0x400, 'a1' ] });

is_verdict('I3', 'two events of a key swapped', sub { $story{records} = [qw(a1 b1 a3 j1 a2 b2 n1 j2)]; $story{sessions} = 9; $story{samples} = [] });
sub swapped { my (@records) = @_; @story{qw(records sessions samples recreated)} = ([ qw(a1 b1), @records ], 9, [], ['orders']); return }
is_verdict('I3', 'in a topic that was created again', sub { swapped(qw(a3 j1 a2 b2 n1 j2)) });
is_verdict('', 'but not where what came too early comes again', sub { swapped(qw(a3 j1 a2 b2 n1 j2 a3)) });
is_verdict('I3 I4', 'exactly once it is', sub { swapped(qw(a3 j1 a2 b2 n1 j2 a3)); $story{delivery} = 'exactly-once' });
is_verdict('I3', 'two events of a topic of one partition swapped', sub { @{ $story{records} }[ 3, 7 ] = qw(j2 j1); $story{sessions} = 9; $story{samples} = [] });
is_verdict('', 'the order between keys is open', sub { $story{records} = [qw(b1 b2 n1 j1 j2 a1 a2 a3)]; $story{samples} = [] });
is_verdict('I3', 'a key in two partitions', sub { $story{change} = sub { $_[0][4]{partition} = 5 } });
is_verdict('I3', 'the stream out of order', sub {
    $story{stream} = [ [ 0x100, qw(a2 j1) ], [ 0x200, qw(a1 b1) ], [ 0x300, qw(a3 b2 n1 j2) ] ];
    $story{records} = [qw(a2 j1 a1 b1 a3 b2 n1 j2)];
});

is_verdict('I4', 'a repetition without a second session', sub { push @{ $story{records} }, 'a3' });
is_verdict('', 'a replay of a second session', sub { push @{ $story{records} }, qw(a2 a3); $story{sessions} = 1 });
is_verdict('', 'two sessions interleaved', sub { $story{records} = [qw(a1 a1 b1 a2 j1 a2 a3 b2 a3 n1 j2)]; $story{sessions} = 1; $story{samples} = [] });
is_verdict('I4', 'a replay that skips', sub { push @{ $story{records} }, qw(a1 a3); $story{sessions} = 1 });
is_verdict('I4', 'any repetition in exactly-once', sub { push @{ $story{records} }, 'n1'; @story{qw(sessions delivery)} = (5, 'exactly-once') });

is_verdict('I5', 'confirmed before Kafka had it', sub { $story{samples} = [ [ 2011, 0x200 ] ] });
is_verdict('I5', 'confirmed the last instead of the lowest', sub {
    $story{records} = [qw(a1 b1 a2 a3 b2 n1 j1 j2)];
    $story{samples} = [ [ 2035, 0x200 ] ];
});
is_verdict('I5', 'confirmed in the middle of a transaction\'s events', sub { $story{samples} = [ [ 2045, 0x300 ] ] });
is_verdict('I5', 'confirmed to where no record ends', sub { $story{samples} = [ [ 2100, 0x301 ] ] });
is_verdict('', 'confirmed between transactions, where keepalives stand', sub { $story{samples} = [ [ 2015, 0x1F8 ], [ 2100, 0x380 ] ] });
is_verdict('I1 I5', 'confirmed and never delivered', sub { $story{records} = [qw(a1 b1 a2 j1 a3 b2 n1)] });

is_verdict('I6', 'an altered payload', sub { $story{change} = sub { $_[0][2]{payload} = sha256_hex('other') } });
is_verdict('I6', 'a payload that became a tombstone', sub { $story{change} = sub { $_[0][2]{payload} = undef } });
is_verdict('I6', 'an altered key', sub { $story{change} = sub { $_[0][2]{key} = 'A' } });
is_verdict('I6', 'a key out of nothing', sub { $story{change} = sub { $_[0][6]{key} = '' } });
is_verdict('I6', 'another topic', sub { $story{change} = sub { $_[0][6]{topic} = 'others' } });
is_verdict('I6', 'an added header', sub { $story{change} = sub { push @{ $_[0][2]{headers} }, [ x => 'y' ] } });
is_verdict('I6', 'headers in another order', sub { $story{change} = sub { @{ $_[0][2]{headers} } = reverse @{ $_[0][2]{headers} } } });
is_verdict('I6', 'an altered repetition', sub {
    push @{ $story{records} }, qw(a3);
    @story{qw(sessions change)} = (1, sub { $_[0][-1]{payload} = sha256_hex('other') });
});

is_verdict('I8', 'a relay that had too much memory, once', sub { $story{memory} = [ 900, 1001, 800 ] });

# Records of an earlier round may come again, unchanged.
tell_again();
my (undef, $earlier) = verdict();
$earlier->shrink;
my $later = sub {
    my ($delivery, $change) = @_;
    tell_again();
    my @again = records();
    $change->($again[0]);
    @story{qw(transactions events stream records samples previous delivery)} = ({}, [], [], [], [], [$earlier], $delivery);
    $story{change} = sub { push @{ $_[0] }, $again[0] };
    return (verdict())[0];
};
is($later->('at-least-once', sub { }), '', 'a repetition from an earlier round');
is($later->('at-least-once', sub { $_[0]{payload} = undef }), 'I6', 'an altered one');
is($later->('exactly-once', sub { }), 'I4', 'none in exactly-once');

is(lsn_number('1/A0'), 2**32 + 160, 'an LSN is a number');

# The schedule depends on its seed alone.
sub schedule {
    my $schedule = Outbox::Chaos::Schedule->new(seed => $_[0], max_pause => 5);
    return [ map { [ $schedule->round($_, 60) ] } 1 .. 3 ];
}
is_deeply(schedule(7), schedule(7), 'the same seed makes the same schedule');
isnt(scalar(map { $_->{kind} } map { @$_ } @{ schedule(7) }), 0, 'which is not empty');
my %kinds = map { $_->{kind} => 1 } map { @$_ } map { @{ schedule($_) } } 1 .. 3;
is_deeply([ sort keys %kinds ], [ Outbox::Chaos::Schedule->kinds ], 'every kind has its turn');

done_testing();
