# The slot's confirmed position survives a restart of PostgreSQL, with a busy and with an idle stream: after a clean restart all of it, after a crash
# all but what was confirmed in the last seconds and is not yet in the slot's state file. A stream without events writes no state file.
use strict;
use warnings;

use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Node;
use Outbox::Process qw(slowness slurp);
use Outbox::Walsender;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = outbox_node('restart', conf => "checkpoint_timeout = 1h\n");
create_slot($node);

sub sql { return $node->safe_psql('postgres', shift) }
sub emit_many { my ($count) = @_; return sql(qq{DO \$\$ BEGIN FOR i IN 1 .. $count LOOP PERFORM outbox.emit('t', i, '{}'); COMMIT; END LOOP; END \$\$}) }
sub start { return Outbox::Walsender->new($node, 'outbox', q{batch_bytes '65536', gather 'ahead'}) }
sub confirmed { return lsn_number(slot($node, 'confirmed_flush_lsn')) }

sub events_left { return sql(q[SELECT count(*) FROM pg_logical_slot_peek_changes('outbox', NULL, NULL) WHERE data LIKE '{"topic"%']) }

# Reads at least this many transactions. Returns where each ends.
sub read_ends {
    my ($walsender, $count) = @_;
    my @ends;
    while (@ends < $count) {
        for (@{ $walsender->next->{lines} // [] }) {
            push @ends, lsn_number($1) if /^\{"commit":"([^"]+)"/;
        }
    }
    return @ends;
}

sub read_commits { return (read_ends(@_))[-1] }    # where the last one ends

# Waits until the walsender has processed a confirmation, which is later than the reader has sent it.
sub wait_until_taken { my ($lsn) = @_; return $node->poll_query_until('postgres', sprintf q{SELECT confirmed_flush_lsn >= '%X/%X' FROM pg_replication_slots}, $lsn >> 32, $lsn & 0xFFFFFFFF) }

sub state_file { return slurp($node->data_dir . '/pg_replslot/outbox/state') }
sub is_on_disk { my ($lsn) = @_; return index(state_file(), pack('Q', $lsn)) >= 0 }

# Returns the seconds until the slot's state file has a position.
sub seconds_until_on_disk {
    my ($lsn) = @_;
    my $start = time;
    sleep 0.01 until is_on_disk($lsn) || time - $start > 60;
    return time - $start;
}

# ---- idle ---------------------------------------------------------------------------------------------------------------

my $walsender = start();
for my $n (1 .. 3) {    # the second one within a second of the first one's save
    emit_many(100);
    my $end = read_commits($walsender, 100);
    $walsender->confirm($end);
    my $took = seconds_until_on_disk($end);
    cmp_ok($took, '<', 2 * slowness(), sprintf 'idle: what is confirmed is on disk within two seconds (%.2f)', $took);
}
emit_many(100);
my @ends = read_ends($walsender, 100);
for my $end (@ends[ 49, 99 ]) {    # what was sent at once need not be confirmed at once
    $walsender->confirm($end);
    my $took = seconds_until_on_disk($end);
    cmp_ok($took, '<', 2 * slowness(), sprintf 'idle: so is each half of what was sent at once (%.2f)', $took);
}
is(sql('SELECT write_lag IS NOT NULL AND flush_lag IS NOT NULL FROM pg_stat_replication'), 't', 'and pg_stat_replication knows its lag');
crash($node);
$node->start;
is(events_left(), 0, 'after a crash none comes again');

# ---- busy ---------------------------------------------------------------------------------------------------------------

$walsender = start();
my $writer = Outbox::Process->spawn(name => 'writer', command => [ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
    q[DO $$ BEGIN LOOP PERFORM outbox.emit('t', 1, '{}'); COMMIT; END LOOP; END $$] ], stdout => '/dev/null', stderr => '/dev/null');
my ($start, %confirmed_at) = time;
while (time - $start < 5) {
    my $end = read_commits($walsender, 100);
    $walsender->confirm($end);
    $confirmed_at{$end} = time;
}
my $crashed = time;
crash($node);
$writer->kill_nine;
$node->start;
my $saved = confirmed();
my @lost = grep { $_ > $saved } keys %confirmed_at;
my ($oldest) = sort { $a <=> $b } map { $confirmed_at{$_} } @lost;
cmp_ok($crashed - ($oldest // $crashed), '<', 2 * slowness(), sprintf 'busy: only what was confirmed within two seconds before a crash comes again (%.2f)', $crashed - ($oldest // $crashed));

# ---- clean restarts -----------------------------------------------------------------------------------------------------

sql(q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_lsn())});
$walsender = start();
my $end;
for (1 .. 2) {    # the first confirmation may be one that the server itself saves
    emit_many(100);
    $end = read_commits($walsender, 100);
    $walsender->confirm($end);
    wait_until_taken($end);
}
$walsender->close;
$node->stop('fast');
$node->start;
is(events_left(), 0, 'a client that has gone: after a clean restart none comes again');

$walsender = start();
emit_many(100);
$end = read_commits($walsender, 100);
$walsender->confirm($end);
$walsender->end;
crash($node);
$node->start;
is(events_left(), 0, 'a client that has said goodbye: none, though the server crashes at once');

$walsender = start();
emit_many(100);
$end = read_commits($walsender, 100);
$walsender->confirm($end);
wait_until_taken($end);
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots');
$node->poll_query_until('postgres', 'SELECT NOT active FROM pg_replication_slots');
crash($node);
$node->start;
is(events_left(), 0, 'a walsender that was ended: none, though the server crashes at once');

# ---- the price ----------------------------------------------------------------------------------------------------------

$walsender = start();
sql('CREATE TABLE other (n int)');
my ($writes, $state) = (0, state_file());
for my $n (1 .. 50) {    # positions alone, for five seconds
    sql("INSERT INTO other VALUES ($n)");
    $walsender->ask;
    my $message;
    do { $message = $walsender->next } until defined $message->{wal_end};
    $walsender->confirm($message->{wal_end});
    sleep 0.1;
    my $now = state_file();
    $writes++ if $now ne $state;
    $state = $now;
}
cmp_ok($writes, '<=', 2, "positions without events are written where the server itself does: $writes times");
$walsender->close;

done_testing();
