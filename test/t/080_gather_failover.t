# The plugin's option gather on a failover slot (17 and later): while the server waits for the standbys of synchronized_standby_slots, with the WAL on
# disk, no decoded event stays unsent, and the last line is {"ahead":false}. A physical slot stands for the standby. Before 17 the server has no such
# wait, and the same transactions come as well.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Walsender;
use Test::More;

my $walsender;
my $node = outbox_node('failover');
my $has_failover = $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
note $has_failover ? 'with a failover slot' : 'without a failover slot: they are of 17 and later';

sub sql { return $node->safe_psql('postgres', shift) }

sub emit_many {
    my ($transactions) = @_;
    return sql(qq{DO \$\$ BEGIN FOR i IN 1 .. $transactions LOOP PERFORM outbox.emit('t', i, '{}'); COMMIT; END LOOP; END \$\$});
}

my %seen = (commits => 0, ahead => '', copies => 0);

sub take {
    my ($lines) = @_;
    $seen{copies}++;
    for (@$lines) {
        $seen{ahead} = $1 if /^\{"ahead":(true|false)\}$/;
        $seen{commits}++ if /^\{"commit"/;
    }
    return;
}

# Reads until all of these events have come. If one stays unsent, nothing comes for a minute, and the test dies.
sub read_commits {
    my ($wanted) = @_;
    while ($seen{commits} < $wanted || $seen{ahead} eq 'true') {
        my $message = $walsender->next;
        take($message->{lines}) if $message->{lines};
    }
    return;
}

sub walsender_pid { return sql(q{SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'outbox'}) }

sub move_standby { my ($lsn) = @_; return sql(qq{SELECT pg_replication_slot_advance('standby', '$lsn')}) if $has_failover }

# Advances the standby's slot so far that the walsender waits for WAL and not for the standby.
sub wait_for_idle {
    my ($pid) = @_;
    return if !$has_failover;
    return $node->poll_query_until('postgres',
        qq{SELECT lower(wait_event) = 'walsenderwaitforwal' FROM pg_replication_slot_advance('standby', pg_current_wal_flush_lsn()), pg_stat_activity WHERE pid = $pid});
}

if ($has_failover) {
    sql(q{SELECT pg_create_logical_replication_slot('outbox', 'outbox', false, false, true)});
    sql(q{SELECT pg_create_physical_replication_slot('standby', true)});
    sql(q{ALTER SYSTEM SET synchronized_standby_slots = 'standby'});
    $node->reload;
} else {
    create_slot($node);
}
$walsender = Outbox::Walsender->new($node, 'outbox', q{batch_bytes '65536', gather 'ahead'});

my $expected = 0;
for my $round (1 .. 5) {
    my $pid = walsender_pid();
    wait_for_idle($pid);
    kill 'STOP', $pid;    # so that what it waits for is the end of what comes now, not of its first transaction
    emit_many(100 + 7 * $round);
    kill 'CONT', $pid;
    $node->poll_query_until('postgres', qq{SELECT wait_event = 'WaitForStandbyConfirmation' FROM pg_stat_activity WHERE pid = $pid}) if $has_failover;
    my $middle = sql('SELECT pg_current_wal_flush_lsn()');
    emit_many(300);
    move_standby($middle);
    $expected += 100 + 7 * $round;
    read_commits($expected);
    pass("round $round: what the standby has is sent, though the server waits for the rest");
    move_standby(current_lsn($node));
    $expected += 300;
    read_commits($expected);
    pass("round $round: and the rest when the standby has it");
}
is($seen{commits}, $expected, 'each transaction once');
cmp_ok($seen{copies}, '<', $expected / 4, "they share CopyData: $seen{copies} for $expected");
$walsender->close;

done_testing();
