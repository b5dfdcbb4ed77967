# outbox.status and outbox.delivered() in states of the server that pg_regress cannot bring about: a relay that streams, a standby, an invalidated
# slot, wal_level below logical. The view has the error that emit() raises.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('primary');
create_slot($node);
$node->safe_psql('postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor; GRANT USAGE ON SCHEMA outbox TO pg_monitor');

sub status { my ($columns, $of) = @_; return ($of // $node)->safe_psql('postgres', "SELECT $columns FROM outbox.status", extra_params => [qw(-U monitor)]) }

# The error of emit() on this server, in the form of the view.
sub is_worded_by_emit {
    my ($of, $state, $what) = @_;
    my (undef, undef, $error) = $of->psql('postgres', "\\set VERBOSITY verbose\nSELECT outbox.emit('t', 'k', '{}')");
    my ($sqlstate, $message) = $error =~ /ERROR:  (\w+): (.*)/;
    my ($detail) = $error =~ /DETAIL:  (.*)/;
    my ($hint) = $error =~ /HINT:  (.*)/;
    is($sqlstate, $state, "$what: emit refuses");
    is(status('emit_accepts, refusal', $of), 'f|' . join(' ', "$message.", $detail // (), $hint), 'and the view has its words');
    return;
}

# ---- a relay --------------------------------------------------------------------------------------------------------------

my $relay = Outbox::Relay->new($node)->start;
$relay->wait_until_streaming($node);
is(status(q{slot_name, state, active_pid > 0, active_user, active_application <> '', emit_accepts, refusal}), 'outbox|streaming|t|relay|t|t|', 'a relay streams');
$node->safe_psql('postgres', q{SELECT outbox.emit('t', 'k', '{}')});
my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
ok($node->poll_query_until('postgres', "SELECT outbox.delivered('$lsn')"), 'what was committed before is delivered');
is(scalar(grep { /^\{"topic"/ } $relay->output), 1, 'and the sink has it');
ok($node->poll_query_until('postgres', "SELECT outbox.delivered(pg_current_wal_insert_lsn())"), 'nothing has to be committed after it');
$relay->terminate;
is(status('state, active_pid, active_user'), 'detached||', 'no relay');
$node->safe_psql('postgres', q{SELECT outbox.emit('t', 'k', repeat('x', 100000)::bytea)});
$lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
is($node->safe_psql('postgres', "SELECT outbox.delivered('$lsn')"), 'f', 'what nobody reads is not delivered');
cmp_ok(status('lag_bytes'), '>', 100_000, 'the lag is in bytes');
cmp_ok(status('retained_bytes'), '>=', status('lag_bytes'), 'and so is what the slot retains');

# ---- a standby ------------------------------------------------------------------------------------------------------------

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
is_worded_by_emit($standby, '25006', 'on a standby');
is($standby->safe_psql('postgres', 'SET default_transaction_read_only = on; SELECT count(*) FROM outbox.status'), 1, 'a row though there is no slot');
$standby->stop;

# ---- an invalidated slot --------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'});
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
cmp_ok(status('safe_bytes'), '>', 0, 'how much more WAL the slot may retain');
$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'});
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
for (1 .. 50) {
    last if slot($node, 'wal_status') eq 'lost';
    $node->safe_psql('postgres', 'CREATE TABLE fill AS SELECT 1; DROP TABLE fill; SELECT pg_switch_wal()');
    $node->safe_psql('postgres', 'CHECKPOINT');
}
is(status('state, wal_status, invalidation_reason'), 'invalidated|lost|wal_removed', 'the slot is invalidated');
is_worded_by_emit($node, '42704', 'an invalidated slot');
my (undef, undef, $error) = $node->psql('postgres', "SELECT outbox.delivered('0/0')");
like($error, qr/replication slot "outbox" cannot deliver the event/, 'delivered says so, so that nobody waits for it');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});

# ---- wal_level ------------------------------------------------------------------------------------------------------------

$node->append_conf('postgresql.conf', 'wal_level = replica');
$node->restart;
is_worded_by_emit($node, '42704', 'no slot');
is($node->safe_psql('postgres', 'SET outbox.missing_slot = ignore; SELECT emit_accepts FROM outbox.status'), 'f', 'a level that is too low is not tolerated');
$node->stop;
done_testing();
