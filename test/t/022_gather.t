# The plugin's option gather: transactions share a CopyData message. The lines and their order are those without the option, no line stays unsent
# while the server waits, and a reader that believes keepalives, except between {"ahead":true} and {"ahead":false}, confirms nothing that it has not
# received.
use strict;
use warnings;

use List::Util qw(max);
use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Node;
use Outbox::Walsender;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('gather');
my $session = $node->background_psql('postgres');

sub sql { return $node->safe_psql('postgres', shift) }

sub emit_many {
    my ($transactions, $events) = @_;
    return sql(qq{DO \$\$ BEGIN
        FOR i IN 1 .. $transactions LOOP PERFORM outbox.emit('t' || i % 2, n, '{}') FROM generate_series(1, $events) AS n; COMMIT; END LOOP;
        END \$\$; SELECT pg_current_wal_lsn()});
}

# Reads up to a commit that ends at the target or beyond it, and what follows at once. Returns the CopyData messages and checks the invariant.
sub read_up_to {
    my ($target, $options, $asks) = @_;
    sql(q{SELECT pg_copy_logical_replication_slot('outbox', 'reader')});
    my $walsender = Outbox::Walsender->new($node, 'reader', $options);
    my %seen = (copies => [], early => 0, untrusted => 0, unsafe => 0, ahead => 0);
    my ($safe, $behind, $asked) = (0, 0, 0);    # the furthest position of a keepalive that counts, and of one that does not
    while (1) {
        $walsender->ask, $asked++ if $asks && $asked < 20000;
        my $message = $walsender->next;
        if (defined $message->{wal_end}) {
            if ($seen{ahead}) {
                $seen{untrusted}++;
                $behind = max($behind, $message->{wal_end});
                next;
            }
            $safe = max($safe, $message->{wal_end});
            last if $safe >= lsn_number($target);
            next;
        }
        push @{ $seen{copies} }, $message->{lines};
        for my $line (@{ $message->{lines} }) {
            $seen{ahead} = $1 eq 'true' if $line =~ /^\{"ahead":(true|false)\}$/;
            next unless $line =~ /^\{"commit":"([^"]+)"/;
            $seen{early}++ if lsn_number($1) <= $safe;
            $seen{unsafe}++ if lsn_number($1) <= $behind;
        }
    }
    $walsender->close;
    $node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'reader'});
    sql(q{SELECT pg_drop_replication_slot('reader')});
    return \%seen;
}

sub lines { return [ grep { !/^\{"ahead"/ } map { @$_ } @{ $_[0]{copies} } ] }
sub transactions { return scalar grep { /^\{"begin"/ } @{ $_[0] } }

create_slot($node);

# ---- many small transactions --------------------------------------------------------------------------------------------

my $target = emit_many(20000, 1);
my $singly = read_up_to($target, q{version '1', batch_bytes '65536'});
my $gathered = read_up_to($target, q{version '1', batch_bytes '65536', gather 'ahead'});
is(transactions(lines($singly)), 20000, 'all transactions come');
is_deeply(lines($gathered), lines($singly), 'the same lines in the same order');
is(scalar @{ $singly->{copies} }, 20000, 'a CopyData each without the option');
cmp_ok(scalar @{ $gathered->{copies} }, '<', 2000, 'few with it');
is((grep { /ahead/ } map { @$_ } @{ $gathered->{copies} })[0], '{"ahead":true}', 'the reader is told');
is($gathered->{copies}[-1][-1], '{"ahead":false}', 'and told when it ends');
my ($told) = grep { grep { $_ eq '{"ahead":true}' } @{ $gathered->{copies}[$_] } } 0 .. $#{ $gathered->{copies} };
is(scalar(grep { transactions($_) > 1 } @{ $gathered->{copies} }[ 0 .. $told ]), 0, 'nothing waits before the reader knows');

# Asked without pause, the server answers with positions beyond what it has sent: those are between the two lines, and all others are true.
my $asked = read_up_to($target, q{version '1', batch_bytes '65536', gather 'ahead'}, 1);
is_deeply(lines($asked), lines($singly), 'the same lines with keepalives between them');
is($asked->{early}, 0, 'a keepalive that counts is never beyond a transaction that is still to come');
cmp_ok($asked->{unsafe}, '>', 0, "one that does not count can be: before $asked->{unsafe} transactions in $asked->{untrusted} keepalives");

# ---- a reader that does not know gather ----------------------------------------------------------------------------------

my $unaware = read_up_to($target, q{version '1', batch_bytes '65536', gather 'on'});
is_deeply($unaware->{copies}, $singly->{copies}, 'who asks for "on" gets each transaction at once');

# pg_recvlogical confirms the positions of keepalives.
sql(q{SELECT pg_copy_logical_replication_slot('outbox', 'reader')});
$node->command_checks_all(
    [ 'pg_recvlogical', '-d', $node->connstr('postgres'), qw(-U relay -S reader --start -f - -o gather=on -o batch_bytes=65536 --endpos), $target ],
    0, [qr/\A(?!.*"ahead")(?=.*"begin")/s], [qr/option "gather" .* is ignored without the value "ahead"/], 'pg_recvlogical cannot get it by accident');
sql(q{SELECT pg_drop_replication_slot('reader')});

# ---- other shapes -------------------------------------------------------------------------------------------------------

for my $case (
    ['a small CopyData', q{batch_bytes '300', gather 'ahead'}],
    ['a line each', q{gather 'ahead'}],
    ['some topics', q{batch_bytes '65536', gather 'ahead', topics 't1'}],
) {
    my ($name, $options) = @$case;
    my $without = read_up_to($target, $options =~ s/gather '\w+'/gather 'off'/r);
    is_deeply(lines(read_up_to($target, $options)), lines($without), $name);
}

sql(q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_lsn())});
sql(q{CREATE TABLE filler (t text)});
$target = sql(q{DO $$ BEGIN
    FOR i IN 1 .. 3000 LOOP
        PERFORM outbox.emit('t', i, jsonb_build_object('pad', repeat('x', i)));
        IF i % 3 = 0 THEN INSERT INTO filler SELECT repeat('y', 500) FROM generate_series(1, i % 50); END IF;
        IF i % 7 = 0 THEN PERFORM outbox.emit('t', i, '{}') FROM generate_series(1, 300); END IF;
        IF i % 5 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP; END $$; SELECT pg_current_wal_lsn()});
my $mixed = read_up_to($target, q{batch_bytes '65536'});
my $mixed_gathered = read_up_to($target, q{batch_bytes '65536', gather 'ahead'}, 1);
is(transactions(lines($mixed)), 2400, 'transactions of all sizes, some rolled back, between row changes');
is_deeply(lines($mixed_gathered), lines($mixed), 'the same lines');
is($mixed_gathered->{early}, 0, 'no keepalive that counts is too early');

# ---- a stream that has caught up ----------------------------------------------------------------------------------------

sql(q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_lsn())});
my $walsender = Outbox::Walsender->new($node, 'outbox', q{batch_bytes '65536', gather 'ahead'});
for my $n (1 .. 50) {
    $session->query_safe("BEGIN; SELECT outbox.emit('t', $n, '{}'); COMMIT; BEGIN; SELECT outbox.emit('t', $n, '{}'); COMMIT");
    for (my $commits = 0; $commits < 2;) {    # one that is held back would never come: nothing else is written
        my $message = $walsender->next;
        $commits += grep { /^\{"commit"/ } @{ $message->{lines} // [] };
    }
}
pass('every transaction comes though no other follows');
$walsender->close;

$session->quit;

# ---- by SQL -------------------------------------------------------------------------------------------------------------

my ($result, $output, $error) = $node->psql('postgres', q{SELECT * FROM pg_logical_slot_peek_changes('outbox', NULL, NULL, 'gather', 'ahead')});
like($error, qr/option "gather" of output plugin "outbox" needs a replication connection/, 'not by SQL: its functions stop anywhere');

done_testing();
