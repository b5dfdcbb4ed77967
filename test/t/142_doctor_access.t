# `outbox-relay doctor`: what the slot keeps, rights, and the connection. The test causes each finding, carries out what the doctor prints, and the
# check passes.
use strict;
use warnings;

BEGIN { delete $ENV{TLS} }    # the connections are this test's own

use Outbox::Doctor;
use Outbox::Node;
use Outbox::PgBouncer;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The test can put the server's clock forward.
my $clock = PostgreSQL::Test::Utils::tempdir('clock') . '/offset';
PostgreSQL::Test::Utils::append_to_file($clock, '+0');
my ($library) = grep { -e } glob '/usr/lib/*/faketime/libfaketime.so.1';
my $node = do {
    local %ENV = (%ENV, $library ? (LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $clock, FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1) : ());
    outbox_node('main', conf => "fsync = off\nautovacuum = off\nautovacuum_freeze_max_age = 100000\nmax_wal_size = 32MB\nmin_wal_size = 32MB\n");
};
# Replaces the file: a process that read an empty one would end.
sub clock { open my $file, '>', "$clock.new" or die $!; print {$file} "$_[0]\n"; close $file; rename "$clock.new", $clock or die $!; return }
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub reload_until { my ($sql, $condition) = @_; sql($sql); $node->reload; $node->poll_query_until('postgres', "SELECT $condition"); return }

sql('GRANT pg_monitor TO relay; CREATE ROLE app LOGIN');
create_slot($node);
my $doctor = Outbox::Doctor->new($node);

# ---- rights

$doctor->mends('who-emits', verdict => 'WARN', says => qr/no role but superusers may call/, break => sub { }, then => qr/called by: app/);
$doctor->mends('who-emits', verdict => 'WARN', says => qr/every role may call/, break => sub { sql('GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO PUBLIC') });
$doctor->mends('forgers', verdict => 'WARN', says => qr/every role can forge an event/, break => sub { });
$doctor->mends('replication', says => qr/refused.*42501.*ALTER ROLE "relay" REPLICATION/, break => sub { sql('ALTER ROLE relay NOREPLICATION') });
$doctor->mends('schema', says => qr/belongs to role "app", who can replace/, break => sub { sql('ALTER SCHEMA outbox OWNER TO app') });
$doctor->mends('schema', says => qr/role app may create functions/, break => sub { sql('GRANT CREATE ON SCHEMA outbox TO app') });
$doctor->mends('schema', says => qr/function outbox\.emit\(integer\) is not the extension's/,
    break => sub { sql('CREATE FUNCTION outbox.emit(int) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; ALTER FUNCTION outbox.emit(int) OWNER TO app') });
for my $setting (
    [ 'ALTER ROLE app', 'default_transaction_read_only = on', qr/cannot emit/ ],
    [ 'ALTER DATABASE postgres', 'synchronous_commit = off', qr/WAL writer/ ],
    [ 'ALTER ROLE app IN DATABASE postgres', q{log_statement = 'all'}, qr/shows payloads/ ],
    [ 'ALTER DATABASE postgres', q{outbox.capture = 'on'}, qr/ALTER DATABASE postgres SET outbox\.capture=on: emit\(\) keeps events in memory, for tests/ ],
    [ 'ALTER ROLE app', q{outbox.capture = 'ON'}, qr/ALTER ROLE app SET outbox\.capture=on: /i ],
) {
    $doctor->mends('session-settings', verdict => 'WARN', says => $setting->[2], break => sub { sql("LOAD 'outbox'; $setting->[0] SET $setting->[1]") });
}
for my $setting ([ 'synchronous_commit', 'off' ], [ 'default_transaction_read_only', 'on' ], [ 'outbox.capture', 'session' ]) {
    my ($name, $value) = @$setting;
    $doctor->mends('session-settings', verdict => 'WARN', says => qr/\Q$name=$value\E on this server: /,
        break => sub { reload_until("LOAD 'outbox'; ALTER SYSTEM SET $name = '$value'", "current_setting('$name', true) = '$value'") });
}

# ---- what the slot keeps

$doctor->mends('wal-limit', verdict => 'WARN', says => qr/default, unlimited/, break => sub { }, then => qr/of the 107 GB/);
# Writes WAL of a segment and a half, with or without a checkpoint at its end.
sub fill_to {
    my ($bytes, $checkpoint) = @_;
    sql(q{SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 8); SELECT pg_switch_wal()} . ($checkpoint ? '; CHECKPOINT' : ''))
        while slot($node, 'pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)') < $bytes;
    return;
}
# Waits until the relay that the repair has started has released the WAL.
sub let_go { wait_until { sql('CHECKPOINT'); slot($node, 'pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) < 20000000 AND age(catalog_xmin) < 1000') eq 't' } 'the slot lets go of nothing'; return }
{
    reload_until(q{ALTER SYSTEM SET max_slot_wal_keep_size = '256MB'}, q{current_setting('max_slot_wal_keep_size') = '256MB'});
    $doctor->mends('wal-status', verdict => 'WARN', says => qr/beyond max_wal_size/, break => sub { fill_to(70e6, 1) }, after => \&let_go);
    $doctor->end_relays;
    $doctor->mends('wal-limit', verdict => 'WARN', says => qr/keeps 1\d\d MB of the 268 MB/, break => sub { fill_to(150e6, 1) }, after => \&let_go);
    $doctor->end_relays;
    $doctor->mends('wal-limit', verdict => 'FAIL', says => qr/is lost beyond/, break => sub { fill_to(220e6, 1) }, after => \&let_go);
    $doctor->end_relays;
    sql(q{ALTER SYSTEM SET max_wal_size = '1GB'});
    reload_until(q{ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'}, q{current_setting('max_slot_wal_keep_size') = '32MB'});
    $doctor->mends('wal-status', verdict => 'FAIL', says => qr/is lost at the next checkpoint/, break => sub { fill_to(80e6, 0) }, after => \&let_go);
    $doctor->found('wal-limit', 'OK', qr/by choice/);
    $doctor->end_relays;
}
isnt($doctor->{report}{disk}{verdict}, 'SKIP', 'the disk is looked at') or diag $doctor->{report}{disk}{sentence};
$doctor->mends('catalog-xmin', verdict => 'WARN', says => qr/vacuum cannot clean/,
    break => sub { sql('DO $$ BEGIN FOR i IN 1 .. 60000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$') },
    after => \&let_go);
$doctor->end_relays;

SKIP: {
    skip 'no libfaketime', 1 if !$library;
    my $session = $node->background_psql('postgres');
    $doctor->mends('oldest-transaction', verdict => 'WARN', says => qr/a transaction is open and keeps the slot's WAL: PID \d+ .*idle in transaction, for 2 h/,
        break => sub { $session->query_safe('BEGIN; SELECT pg_current_xact_id()'); clock('+2h') });
    eval { $session->quit };
    $doctor->mends('prepared-transaction', verdict => 'WARN', says => qr/prepared transaction 'it''s'.*for 2 h/,
        break => sub { sql(q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'it''s'}); clock('+4h') });
    $doctor->mends('clock', verdict => 'WARN', says => qr/the server's clock is 3\d\d\d s ahead/, break => sub { clock('+1h') },
        between => sub { $doctor->tool('timedatectl', 'exit 0'); clock('+0') });
}

# ---- the connection

$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust");
my $tcp = 'host=127.0.0.1 port=' . $node->port . ' dbname=postgres user=relay';
SKIP: {
    skip 'this server was built without TLS', 4 if !Outbox::Node::has_tls();
    my $tls = Outbox::Tls->new;
    $node->append_conf('postgresql.conf', $tls->server_settings($tls->certificate('127.0.0.1', host => 'IP:127.0.0.1')));
    $node->restart;
    $doctor->{dsn} = "$tcp sslmode=require";
    my ($code) = $doctor->examine;
    my $finding = $doctor->found('tls', 'WARN', qr/certificate is not checked \(sslmode=require\)/);
    my ($dsn) = $finding->{repair}[0] =~ /--dsn '(.*)'$/;
    $doctor->{dsn} = "$dsn sslrootcert=" . $tls->ca;
    $doctor->examine;
    $doctor->found('tls', 'OK', qr/encrypted \(TLS/);
    $doctor->{dsn} = "$tcp sslmode=disable";
    $doctor->examine;
    $doctor->found('tls', 'OK', qr/stays on this machine/);
    $doctor->found('pooler', 'OK', qr/no pooler/);
}
$node->restart;
SKIP: {
    skip 'no pgbouncer', 1 if !Outbox::PgBouncer::is_here();
    my $pooler = Outbox::PgBouncer->start($node, 'relay');
    $doctor->{dsn} = $pooler->dsn;
    my ($code) = $doctor->examine;
    my $passes = Outbox::PgBouncer::passes_replication();
    is($code, $passes ? 0 : 10, 'behind a pooler: exit code');
    my $finding = $doctor->found('pooler', $passes ? ('WARN', qr/a restart of the pooler cuts the replication stream off/) : ('FAIL', qr/passes no replication stream on/));
    ($doctor->{dsn}) = $finding->{repair}[0] =~ /--dsn '(.*)'$/;
    $doctor->examine;
    $doctor->found('pooler', 'OK', qr/./);
    $doctor->found('replication', 'OK', qr/may read a replication stream/);
    $pooler->stop;
}
{
    $doctor->{dsn} = $node->connstr('postgres') . ' user=relay';
    sql('REVOKE pg_monitor FROM relay');
    $doctor->mends('oldest-transaction', verdict => 'SKIP', says => qr/does not see other roles' transactions/, break => sub { });
    $node->append_conf('pg_hba.conf', '');
}

done_testing();
