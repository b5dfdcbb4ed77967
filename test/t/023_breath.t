# The walsender's breath: beside applications that publish nothing it pauses before every second wait for WAL, for one to ten milliseconds,
# so that it does not wake up for every single commit. The test counts pauses among keepalives, of which each wait sends one: a busy machine adds
# pauses and takes none away.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Walsender;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('breath');
my $session = $node->background_psql('postgres');

sub sql { return $node->safe_psql('postgres', shift) }

create_slot($node);
sql(q{CREATE TABLE filler (t text); CREATE TABLE halt (t text);
    CREATE FUNCTION breaths(looks int) RETURNS int LANGUAGE plpgsql AS $$ DECLARE seen int = 0; BEGIN
    FOR i IN 1 .. looks LOOP
        PERFORM pg_stat_clear_snapshot();
        IF EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Extension') THEN seen = seen + 1; END IF;
        PERFORM pg_sleep(0.003);
    END LOOP; RETURN seen; END $$});

# A reader of the slot, beside one commit after the other until halt(). One commit of `every` has an event.
sub reader_beside_commits {
    my ($every) = @_;
    $node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'outbox'});
    sql(q{TRUNCATE halt; SELECT pg_replication_slot_advance('outbox', pg_current_wal_lsn())});
    my $walsender = Outbox::Walsender->new($node, 'outbox', q{batch_bytes '65536', gather 'ahead'});
    $session->query_until(qr/^writing$/m, qq{\\echo writing
        DO \$\$ DECLARE i int = 0; BEGIN
        WHILE NOT EXISTS (SELECT FROM halt) LOOP
            INSERT INTO filler VALUES ('y');
            i = i + 1;
            IF i % $every = 0 THEN PERFORM outbox.emit('t', i, '{}'); END IF;
            COMMIT;
            PERFORM pg_sleep(0.0001);
        END LOOP; END \$\$;\n});
    return $walsender;
}

sub halt {
    my ($walsender) = @_;
    sql(q{INSERT INTO halt VALUES ('')});
    $session->query_safe('SELECT 1');
    return $walsender->close;
}

# The number of the next keepalives that the server sent this many milliseconds or more after the keepalive before, by the server's clock.
sub pauses {
    my ($walsender, $keepalives, $ms) = @_;
    my @sent = map { next_keepalive($walsender) } 1 .. $keepalives;
    return scalar grep { $sent[$_] - $sent[ $_ - 1 ] >= $ms * 1000 } 1 .. $#sent;
}

# Whether the server sends this number of keepalives within these milliseconds, somewhere among the next twenty thousand.
sub come_within {
    my ($walsender, $keepalives, $ms) = @_;
    my @sent;
    for (1 .. 20_000) {
        push @sent, next_keepalive($walsender);
        next if @sent < $keepalives;
        return 1 if $sent[-1] - $sent[0] < $ms * 1000;
        shift @sent;
    }
    return 0;
}

# The time at which the server sent the next keepalive, in microseconds.
sub next_keepalive {
    my ($walsender) = @_;
    while (1) {
        my $message = $walsender->next;
        return $message->{sent_us} if defined $message->{wal_end};
    }
}

# Some three hundred breaths lead to the longest. A pair of waits, with a breath, has two keepalives, and up to four more where a commit
# wakes the walsender late.
my ($warm_up, $keepalives, $most) = (2000, 600, 6);

my $quiet = reader_beside_commits(1_000_000_000);
pauses($quiet, $warm_up, 0);
my $long = pauses($quiet, $keepalives, 9.9);
cmp_ok($long, '>=', $keepalives / $most, "without events the walsender pauses for ten milliseconds: $long times for $keepalives keepalives");
cmp_ok(sql('SELECT breaths(100)'), '>', 0, 'which is seen in pg_stat_activity');
halt($quiet);

# Between two events are a hundred breaths at most, each of a millisecond. Beside long breaths no seven keepalives come without one between them.
my $busy = reader_beside_commits(100);
pauses($busy, $warm_up, 0);
ok(come_within($busy, $most + 1, 9.9), 'with events it pauses for less');
halt($busy);

sql(q{ALTER SYSTEM SET synchronous_commit = local});
sql(q{ALTER SYSTEM SET synchronous_standby_names = '*'});
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('synchronous_standby_names') = '*' AND current_setting('synchronous_commit') = 'local'});
my $awaited = reader_beside_commits(1_000_000_000);
pauses($awaited, $warm_up, 0);
is(sql('SELECT breaths(200)'), 0, 'not where commits can wait for its reader');
halt($awaited);
$session->quit;

done_testing();
