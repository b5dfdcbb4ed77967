# `outbox-relay doctor` and what PostgreSQL 17 and 18 added: slots that a standby copies, standbys that hold events back, a time after which an idle slot is
# invalid. The test causes each finding, carries out what the doctor prints, and the check passes.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

BEGIN { delete $ENV{TLS} }    # the connections are this test's own

my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my $doctor = Outbox::Doctor->new($node);
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub reload_until { my ($sql, $condition) = @_; sql($sql); $node->reload; $node->poll_query_until('postgres', "SELECT $condition"); return }
sub conninfo { return "host=${\ $node->host} port=${\ $node->port} dbname=postgres" }

my $number = 0;

sub make_standby {
    my $name = 'standby' . ++$number;
    $node->backup($name);
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $name, has_streaming => 1);
    $standby->append_conf('postgresql.conf', "primary_conninfo = '${\ conninfo()}'\n" . ($node->pg_version->major < 17 ? '' : "primary_slot_name = 'physical'\n"));
    $standby->start;
    return $standby;
}

if ($node->pg_version->major < 17) {
    my $standby = make_standby();
    $doctor->examine('--standby', $standby->connstr('postgres'));
    $doctor->found('failover', 'SKIP', qr/carries no logical slot over a failover by itself/);
    $doctor->found('standby-slots', 'SKIP', qr/has no setting/);
    $doctor->found('idle-slot-timeout', 'SKIP', qr/has no setting/);
    $doctor->found('standby', 'WARN', qr/carries no logical slot over a failover by itself: after one, the slot is missing/);
    $doctor->examine('--standby', $node->connstr('postgres'));
    $doctor->found('standby', 'WARN', qr/server of --standby is no standby/);
    done_testing();
    exit;
}

# ---- the slot is carried over a failover

$doctor->mends('failover', verdict => 'WARN', says => qr/is not carried over a failover/, break => sub { }, then => qr/is carried over/);

# ---- standbys that hold events back

$doctor->found('standby-slots', 'OK', qr/holds back nothing/);
sql(q{SELECT pg_create_physical_replication_slot('physical', true)});
my $set = sub { my ($list) = @_; reload_until("ALTER SYSTEM SET synchronized_standby_slots = $list", "current_setting('synchronized_standby_slots') LIKE '%gone%'") };
$doctor->mends('standby-slots', says => qr/names gone, which is no physical slot of this server/, break => sub { $set->(q{'gone'}) }, then => qr/holds back nothing/);
$doctor->mends('standby-slots', says => qr/names gone,/, break => sub { $set->(q{'physical, gone'}) }, then => qr/each slot .* is there/);
$doctor->mends('standby-slots', says => qr/names outbox, gone|names gone, outbox/, break => sub { $set->(q{'outbox, gone'}) }, then => qr/holds back nothing/);

# ---- a slot that idles

if ($node->pg_version->major >= 18) {
    $doctor->mends('idle-slot-timeout', verdict => 'WARN', says => qr/idle_replication_slot_timeout is 5min: a relay that is away/,
        break => sub { reload_until(q{ALTER SYSTEM SET idle_replication_slot_timeout = '5min'}, q{current_setting('idle_replication_slot_timeout') = '5min'}) });
}

# ---- the standby's copy

{
    sql(q{SELECT outbox.emit('orders', 1, '{}')});
    my $standby = make_standby();
    my @asked = ('--standby', $standby->connstr('postgres'));
    $doctor->examine('--standby', $node->connstr('postgres'));
    $doctor->found('standby', 'WARN', qr/server of --standby is no standby/);
    $doctor->examine(@asked);
    my $finding = $doctor->found('standby', 'FAIL', qr/the standby has no copy of the slot/);
    like($finding->{then}, qr/^on the standby, with primary_slot_name, and dbname in primary_conninfo/, 'where it is done');
    {
        local $doctor->{node} = $standby;
        $doctor->repair($finding);
    }
    # The slot stands where the standby has neither WAL nor row versions: the copy is temporary, and PostgreSQL 19 says why.
    my $says_why = $node->pg_version->major >= 19;
    my $is_copied = 'synced AND temporary' . ($says_why ? ' AND slotsync_skip_reason IS NOT NULL' : '');
    wait_until { $standby->safe_psql('postgres', "SELECT $is_copied FROM pg_replication_slots WHERE slot_name = 'outbox'") eq 't' } 'no copy', 60;
    $doctor->examine(@asked);
    my $why = $says_why ? qr/ \(wal_or_rows_removed\)/ : qr//;
    $finding = $doctor->found('standby', 'FAIL', qr/^the standby has a copy that is not ready$why: after a failover the slot would be missing$/);
    like($finding->{then}, qr/it is ready once the relay has confirmed something$/, 'and what makes the copy ready');
    # A confirmation makes the copy ready.
    wait_until {
        sql(q{SELECT outbox.emit('orders', 1, '{}'); SELECT pg_log_standby_snapshot()});
        sql(q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_flush_lsn())});
        $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'outbox' AND synced AND NOT temporary}) eq '1'
    } 'the copy is not ready', 60;
    $doctor->examine(@asked);
    $doctor->found('standby', 'OK', qr/has the slot, ready for a failover/);

    # The copy stays behind, as that of another primary's slot does until the standby has copied this primary's.
    $standby->safe_psql('postgres', $_) for 'ALTER SYSTEM SET sync_replication_slots = off', 'SELECT pg_reload_conf()';
    wait_until { $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'slotsync worker'}) eq '0' } 'the worker goes on', 60;
    sql(q{SELECT outbox.emit('orders', 1, '{}')});
    sql(q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_flush_lsn())});
    $doctor->examine(@asked);
    $doctor->found('standby', 'WARN', qr/copy of the slot does not follow the slot/);

    # The copy becomes invalid: the standby removes rows that the slot needs.
    $standby->stop;
    $standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nprimary_slot_name = ''\nsync_replication_slots = off\n");
    unlink $standby->data_dir . '/postgresql.auto.conf';
    append_to_file($standby->data_dir . '/postgresql.auto.conf', '');
    $standby->start;
    sql('CREATE TABLE many AS SELECT 1; DROP TABLE many; VACUUM FULL pg_class; VACUUM pg_class');
    my $invalid = eval { wait_until { sql('VACUUM FULL pg_attribute'); $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE invalidation_reason IS NOT NULL}) eq '1' } 'not invalid', 30; 1 };
    SKIP: {
        skip 'the copy stays valid', 1 if !$invalid;
        $doctor->examine(@asked);
        $doctor->found('standby', 'FAIL', qr/copy of the slot is invalid \(rows_removed\)/);
    }
    $standby->stop;
}

done_testing();
