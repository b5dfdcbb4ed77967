# emit of the hosted form fails where its event would be lost, with the SQLSTATEs, messages and hints of the extension: on a standby, below wal_level
# logical, with an invalidated slot, with a slot that is still being created, and as missing_slot says. The extension's: test/t/021_emit_refused.t,
# test/specs/slot_creation.spec. A role that may only create in the database and replicate runs setup.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $emit = q{SELECT outbox.emit('t', 'k', '{}')};
my $primary = outbox_node('primary', bare => 1, refuse_plugin => 1);
sub sql { return $primary->safe_psql('postgres', $_[0]) }
sub setup { my ($dsn, @arguments) = @_; return Outbox::Relay::call('setup', '--dsn', $dsn, '--plugin', 'pgoutput', @arguments) }

# SQLSTATE, message, detail and hint of what the server answers; empty: it accepts.
sub answer { my ($node, $call) = @_; my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\n" . ($call // $emit)); return $error }
sub refused {
    my ($node, $message, $hint, $where, $call) = @_;
    my $answer = answer($node, $call);
    like($answer, qr/ERROR:  \Q$message\E/, "refused $where");
    like($answer, qr/HINT:  $hint/, 'and says what to do');
    return;
}

# ---- a role that owns nothing ------------------------------------------------------------------------------------------

sql('CREATE ROLE guest LOGIN REPLICATION');
my $as_guest = $primary->connstr('postgres') . ' user=guest';
my ($code, undef, $err) = setup($as_guest);
like("$code $err", qr/^5 .*needs CREATE on the database, and REPLICATION/s, 'a role without CREATE on the database cannot run setup');
sql('GRANT CREATE ON DATABASE postgres TO guest');
my $catalogs = q{SELECT has_table_privilege('guest', 'pg_authid', 'SELECT') OR pg_has_role('guest', 'pg_monitor', 'MEMBER')};
is(sql($catalogs), 'f', 'the role sees no more than every role does');
($code, undef, $err) = setup($as_guest);
is($code, 0, 'with CREATE on the database and REPLICATION alone it can') or diag $err;
is(sql(q{SELECT string_agg(nspowner::regrole::text, ',') FROM pg_namespace WHERE nspname = 'outbox'}), 'guest', 'and owns what it made');
is(answer($primary, "SET SESSION AUTHORIZATION guest; $emit"), '', 'and may emit');
($code) = setup($as_guest);
is($code, 0, 'setup again');

# ---- a slot that is still being created --------------------------------------------------------------------------------

# A transaction that is open holds the creation up.
my $open = $primary->background_psql('postgres');
$open->query_safe('BEGIN; SELECT pg_current_xact_id()');
my $creator = Outbox::Process->spawn(name => 'creator', stdout => '/dev/null', stderr => '/dev/null',
    command => [ 'psql', '-XAtq', '-d', $primary->connstr('postgres'), '-c', q{SELECT pg_create_logical_replication_slot('outbox_new', 'pgoutput')} ]);
wait_until { sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'outbox_new' AND confirmed_flush_lsn IS NULL}) } 'the slot is not begun';
sql(q{UPDATE outbox.settings SET slots = '{outbox,outbox_new}'});
refused($primary, '42704: replication slot "outbox_new" cannot deliver the event', 'Retry the transaction\.', 'with a slot that is still being created');
like(answer($primary), qr/DETAIL:  The slot is still being created\./, 'and says why');
$open->query_safe('COMMIT');
$open->quit;
is($creator->wait_for_exit(60), 0, 'the slot is created');
is(answer($primary), '', 'then emit accepts');
sql(q{SELECT pg_drop_replication_slot('outbox_new'); UPDATE outbox.settings SET slots = '{outbox}'});

# ---- headers of the transaction that are too large ---------------------------------------------------------------------

# 64 kB with the nine bytes around the value.
my $with_headers = sub { my ($bytes) = @_; return answer($primary, qq{BEGIN; SELECT set_config('outbox.headers', '{"a": "' || repeat('x', $bytes - 9) || '"}', true); $emit; COMMIT;}) };
is($with_headers->(65536), '', 'outbox.headers may have 64 kB');
like($with_headers->(65537), qr/ERROR:  54000: .*DETAIL:  The value is larger than 64 kB\./s, 'and no more');

# ---- a standby ---------------------------------------------------------------------------------------------------------

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
my $many = q{SELECT outbox.emit_many('t', ARRAY['k'], ARRAY['{}'])};
refused($standby, '25006: cannot execute outbox.emit() during recovery', 'Connect to the primary server\.', 'on a standby', $_) for $emit, $many;
$standby->stop;

# ---- an invalidated slot -----------------------------------------------------------------------------------------------

sql(q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'});
sql('SELECT pg_reload_conf()');
for (1 .. 50) {
    last if slot($primary, 'wal_status') eq 'lost';
    sql('CREATE TABLE fill AS SELECT 1; DROP TABLE fill; SELECT pg_switch_wal()');
    sql('CHECKPOINT');
}
is(slot($primary, 'wal_status'), 'lost', 'the slot is invalidated');
refused($primary, '42704: replication slot "outbox" cannot deliver the event', 'Drop the slot and create it again with "outbox-relay setup --plugin pgoutput"', 'with an invalidated slot');
like(answer($primary), qr/DETAIL:  The slot has been invalidated: the WAL it needs may be gone\./, 'and says why');

# ---- missing_slot ------------------------------------------------------------------------------------------------------

sql(q{UPDATE outbox.settings SET missing_slot = 'warning'});
my $twice = answer($primary, "BEGIN; $emit; SAVEPOINT s; $emit; ROLLBACK TO s; $emit; COMMIT;");
is(() = $twice =~ /WARNING:  42704: replication slot "outbox" cannot deliver the event/g, 1, 'missing_slot = warning: one warning in a transaction') or diag $twice;
unlike($twice, qr/ERROR/, 'and no error');
sql(q{UPDATE outbox.settings SET missing_slot = 'ignore'});
is(answer($primary), '', 'missing_slot = ignore: not a word');
refused($primary, '22023: invalid topic name', 'Kafka allows', 'a wrong event even so', q{SELECT outbox.emit('bad topic', 'k', '{}')});
like(answer($primary, "BEGIN; $emit; UPDATE outbox.settings SET missing_slot = 'error'; $emit"), qr/ERROR:  42704: /, 'the setting is read at every call');

# ---- wal_level ---------------------------------------------------------------------------------------------------------

sql(q{SELECT pg_drop_replication_slot('outbox'); ALTER SYSTEM SET wal_level = replica});
$primary->restart;
refused($primary, '55000: the event would be lost because the effective "wal_level" is below "logical"', 'Set "wal_level" to "logical"',
    'with wal_level below logical, even where a missing slot is ignored');
sql(q{UPDATE outbox.settings SET missing_slot = 'error'});
refused($primary, '42704: replication slot "outbox" cannot deliver the event', 'Create the slot', 'without slot and wal_level: the slot is named first');
is(sql(qq{SET outbox.capture = on; SELECT count(*) FROM ($emit) AS s}), 1, 'a test that captures needs neither');
$primary->stop;

done_testing();
