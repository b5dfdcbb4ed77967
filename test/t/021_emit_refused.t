# emit() fails where its event would be lost or could not be read, in states of the server that pg_regress cannot bring about: a standby, wal_level
# below logical, an invalidated slot, the fast-path interface. The plugin refuses an option without a value.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Protocol;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $emit = q{SELECT outbox.emit('t', 'k', '{}')};
my $primary = outbox_node('primary');
create_slot($primary);

# ---- a call that is not a statement -----------------------------------------------------------------------------------

# libpq's PQfn sends binary arguments, which a pseudo-type refuses. The protocol also allows text, and NULL needs no input function.
sub fast_path {
    my ($signature, $key) = @_;
    my $function = $primary->safe_psql('postgres', "SELECT 'outbox.emit($signature)'::regprocedure::oid");
    my $connection = Outbox::Protocol->new($primary, user => $primary->safe_psql('postgres', 'SELECT current_user'), database => 'postgres');
    my $arguments = pack('N/a N/a', 't', $key) . pack('N', 0xffffffff) x 3;
    $connection->send('F', pack('N n n n', $function, 1, 0, 5) . $arguments . pack('n', 0));
    my $answers = '';
    while (my ($type, $body) = $connection->message) {
        return $answers if $type eq 'Z';
        $answers .= $body;
    }
    return "$answers (connection lost)";
}

for my $call (['text, text', 'k'], ['text, bigint', '42'], ['text, uuid', '01930000-0000-7000-8000-000000000000']) {
    my ($arguments, $key) = @$call;
    like(fast_path("$arguments, anycompatible, text, jsonb", $key), qr/C0A000\0Moutbox\.emit\(\) must be called by an SQL statement/,
        "the fast-path interface is refused: $arguments");
}
is($primary->safe_psql('postgres', "SELECT count(*) FROM ($emit) AS s"), 1, 'the server lives');

# ---- an option without a value ------------------------------------------------------------------------------------------

for my $option (qw(version batch_bytes gather topics)) {
    command_fails_like(
        ['pg_recvlogical', '--dbname', $primary->connstr('postgres'), '--slot', 'outbox', '--start', '--no-loop', '--file', '-', '--option', $option],
        qr/invalid value for option "$option" of output plugin "outbox"/, "$option needs a value");
}

# ---- a standby ----------------------------------------------------------------------------------------------------------

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
refused($standby, $emit, '25006', 'cannot execute outbox.emit() during recovery', 'on a standby');
$standby->stop;

# ---- an invalidated slot ------------------------------------------------------------------------------------------------

$primary->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'});
$primary->safe_psql('postgres', 'SELECT pg_reload_conf()');
for (1 .. 50) {
    last if slot($primary, 'wal_status') eq 'lost';
    $primary->safe_psql('postgres', 'CREATE TABLE fill AS SELECT 1; DROP TABLE fill; SELECT pg_switch_wal()');
    $primary->safe_psql('postgres', 'CHECKPOINT');
}
is(slot($primary, 'wal_status'), 'lost', 'the slot is invalidated');
refused($primary, $emit, '42704', 'replication slot "outbox" cannot deliver the event', 'with an invalidated slot', 'The slot has been invalidated');
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET max_slot_wal_keep_size');
$primary->safe_psql('postgres', 'SELECT pg_reload_conf()');
create_slot($primary, 'second');
refused($primary, $emit, '42704', 'replication slot "outbox" cannot deliver the event', 'also with a good slot beside it', 'The slot has been invalidated');
is($primary->safe_psql('postgres', "SET outbox.slots = 'second'; SELECT count(*) FROM ($emit) AS s"), 1, 'the good one is enough where it is the one that must deliver');
refused($primary, "SET outbox.slots = 'second, outbox'; $emit", '42704', 'replication slot "outbox" cannot deliver the event', 'where both must', 'The slot has been invalidated');
$primary->safe_psql('postgres', "SELECT pg_drop_replication_slot('$_')") for qw(outbox second);

# ---- wal_level ----------------------------------------------------------------------------------------------------------

$primary->append_conf('postgresql.conf', 'wal_level = replica');
$primary->restart;
refused($primary, $emit, '42704', 'no replication slot can deliver the event', 'without slot and wal_level: the slot is named first');
refused($primary, "SET outbox.missing_slot = ignore; $emit", '55000', 'the event would be lost because the effective "wal_level" is below "logical"',
    'with wal_level below logical, even where a missing slot is ignored');
$primary->stop;

sub refused {
    my ($node, $sql, $state, $message, $where, $detail) = @_;
    my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
    like($error, qr/ERROR:  \Q$state: $message\E/, "refused $where");
    like($error, qr/DETAIL:  \Q$detail\E/, 'and says why') if defined $detail;
    like($error, qr/HINT:/, 'and says what to do');
    return;
}

done_testing();
