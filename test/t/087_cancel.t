# pg_cancel_backend and pg_terminate_backend end the stream of a walsender, busy or idle. The slot keeps the position that the reader has confirmed;
# the same connection or another one starts the stream again, and every transaction after that position comes once.
use strict;
use warnings;

use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Protocol;
use Test::More;

my $node = outbox_node('cancel');
create_slot($node);

sub sql { return $node->safe_psql('postgres', shift) }

my $emitted = 0;

sub emit_many {
    my ($count) = @_;
    my ($first, $last) = ($emitted + 1, $emitted + $count);
    $emitted = $last;
    return sql("DO \$\$ BEGIN FOR n IN $first .. $last LOOP PERFORM outbox.emit('t', n, '{}'); COMMIT; END LOOP; END \$\$");
}

my $connection;
sub connect_again { return $connection = Outbox::Protocol->new($node, user => 'relay', database => 'postgres', replication => 'database') }

sub start {
    $connection->send('Q', qq{START_REPLICATION SLOT "outbox" LOGICAL 0/0 (version '1', batch_bytes '65536', gather 'ahead')\0});
    return $connection->until('W');
}

sub confirm { my ($lsn) = @_; return $connection->send('d', pack('a Q> Q> Q> Q> C', 'r', $lsn, $lsn, $lsn, 0, 0)) }

my (@keys, $end);    # of the events since the last start; where the last complete transaction ends

sub take_lines {
    for (split /\n/, $_[0]) {
        push @keys, $1 if /^\{"topic":"t","key":"(\d+)"/;
        $end = lsn_number($1) if /^\{"commit":"([^"]+)"/;
    }
    return;
}

# Reads until this many events have come. Without a number, reads to the error that ends the stream, and returns its text.
sub read_stream {
    my ($wanted) = @_;
    my $deadline = time + 60;
    while (my ($type, $body) = $connection->message) {
        die scalar(@keys) . ' events have come and no more' if time > $deadline;
        take_lines(substr $body, 25) if $type eq 'd' && substr($body, 0, 1) eq 'w';
        return $body =~ s/\0/ /gr if $type eq 'E';
        return if defined $wanted && @keys >= $wanted;
    }
    return 'no error: the server has gone';
}

sub wait_until_free { return $node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'outbox'}) }
sub stop_walsender { my ($how) = @_; return sql("SELECT $how(active_pid) FROM pg_replication_slots WHERE slot_name = 'outbox'") }

# Whether the events that came are those from the first unconfirmed one on, each once: their keys are a single range without a gap.
sub is_the_rest {
    my ($from, $name) = @_;
    my @ranges;
    for my $key (@keys) {
        if (@ranges && $key == $ranges[-1][1] + 1) { $ranges[-1][1] = $key }
        else { push @ranges, [ $key, $key ] }
    }
    return is(join(', ', map { "$_->[0]-$_->[1]" } @ranges), "$from-$emitted", $name);
}

connect_again();

# ---- busy: the walsender cannot send more than the sockets hold -------------------------------------------------------

emit_many(50000);
start();
read_stream(1000);
my $confirmed = $keys[-1];
confirm($end);
$node->poll_query_until('postgres', qq{SELECT confirmed_flush_lsn >= '0/0'::pg_lsn + $end FROM pg_replication_slots WHERE slot_name = 'outbox'});
is(stop_walsender('pg_cancel_backend'), 't', 'a walsender that decodes is cancelled');
like(read_stream(), qr/57014.*canceling statement due to user request/, 'the reader is told, behind what was on its way');
$connection->until('Z');
wait_until_free();
cmp_ok(scalar @keys, '<', $emitted, 'before it has decoded everything');

@keys = ();
start();
read_stream($emitted - $confirmed);
is_the_rest($confirmed + 1, 'the same connection gets every transaction behind what it had confirmed, once');

# ---- idle -------------------------------------------------------------------------------------------------------------

confirm($end);
$confirmed = $emitted;
$node->poll_query_until('postgres', qq{SELECT confirmed_flush_lsn >= '0/0'::pg_lsn + $end FROM pg_replication_slots WHERE slot_name = 'outbox'});
stop_walsender('pg_cancel_backend');
like(read_stream(), qr/canceling statement due to user request/, 'a walsender that waits for WAL is cancelled');
$connection->until('Z');
wait_until_free();
emit_many(10);
@keys = ();
start();
read_stream(10);
is_the_rest($confirmed + 1, 'the same connection gets what came meanwhile');

# ---- terminated -------------------------------------------------------------------------------------------------------

emit_many(50000);
@keys = ();
read_stream(1000);
stop_walsender('pg_terminate_backend');
like(read_stream(), qr/57P01.*terminating connection/, 'a walsender that decodes is terminated');
$connection->close;
wait_until_free();
@keys = ();
connect_again();
start();
read_stream($emitted - $confirmed);
is_the_rest($confirmed + 1, 'another connection gets everything that was not confirmed');
$connection->close;
wait_until_free();

# ---- by SQL ----------------------------------------------------------------------------------------------------------

is(sql(q[SELECT count(*) FROM pg_logical_slot_peek_changes('outbox', NULL, NULL) WHERE data LIKE '{"topic"%']), $emitted - $confirmed, 'SQL sees the same');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|server process .* was terminated/, 'no process has crashed');

done_testing();
