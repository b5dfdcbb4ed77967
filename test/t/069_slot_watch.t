# The metrics of the slot: what the slot keeps on the server, also where an open transaction of another database holds the slot, and while Kafka is
# away, when the relay's own positions do not move.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(metrics);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

# The relay asks when it begins, and then every ten seconds.
sub asked {
    my ($relay) = @_;
    wait_until { exists metrics($relay)->{slot_seen_timestamp_seconds} } 'the relay has asked the server';
    return metrics($relay);
}

my $node = outbox_node('main', conf => "max_slot_wal_keep_size = 1GB\n");
create_slot($node);
$node->safe_psql('postgres', 'CREATE DATABASE other');

# ---- an open transaction -------------------------------------------------------------------------------------------------

my $open = $node->background_psql('other');
$open->query_safe('BEGIN; CREATE TABLE held(i int)');
my $others_write = 'DROP TABLE IF EXISTS written; CREATE TABLE written AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 10000) AS i';
$node->safe_psql('postgres', $others_write) for 1 .. 2;
my $relay = Outbox::Relay->new($node, args => [qw(--listen 127.0.0.1:0)])->start;
$relay->wait_until_streaming($node);
ok(wait_for_confirmation($node), 'the relay has confirmed everything');
is($relay->terminate, 0, 'it ends in good order');
$node->safe_psql('postgres', 'CHECKPOINT');    # the slot's position is looked at with each

$relay->start;
my $held = asked($relay);
cmp_ok($held->{slot_retained_wal_bytes}, '>', 10_000_000, 'an open transaction of another database makes the slot keep WAL,');
cmp_ok($held->{slot_confirmed_lag_bytes}, '<', 1_000_000, 'which is not the relay\'s part');
is($held->{'slot_state{state="reserved"}'}, 1, 'its WAL is there');
cmp_ok($held->{slot_safe_wal_bytes}, '>', 0, 'and how near its end is');
ok(exists $held->{slot_catalog_xmin_age}, 'the age of the catalog rows that it holds');
cmp_ok($held->{slot_restart_lsn_bytes}, '>', 0, 'the position itself');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outbox-relay' AND backend_type = 'client backend'}),
    0, 'the second connection is short');
$open->quit;
is($relay->terminate, 0, 'it ends in good order');

# ---- Kafka away ----------------------------------------------------------------------------------------------------------

create_slot($node, 'outbox_nowhere');
my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
$node->safe_psql('postgres', $others_write);
my $waiting = Outbox::Relay->new($node, name => 'waiting', kafka => $nowhere,
    args => [qw(--slot outbox_nowhere --listen 127.0.0.1:0 --shutdown-grace-ms 100)])->start;
my $away = asked($waiting);
cmp_ok($away->{slot_confirmed_lag_bytes}, '>', 5_000_000, 'Kafka is away: what the server says of the slot grows with its WAL');
wait_until { metrics($waiting)->{lag_seconds} >= 2 } 'so does the age of the oldest event that waits', 20;
is($waiting->terminate, 0, 'it ends in good order');

# ---- refused -------------------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', 'ALTER ROLE relay CONNECTION LIMIT 0');    # counts for SQL only: not for walsenders
SKIP: {
    skip 'old minors count walsenders, too', 5 if $node->psql('postgres', 'SELECT 1', replication => 'database', extra_params => [qw(-U relay)]) != 0;
    my $refused = Outbox::Relay->new($node, name => 'refused', args => [qw(--listen 127.0.0.1:0 --log-level debug)])->start;
    $refused->wait_for_log(qr/debug +the server does not say what the slot holds/);
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    ok(wait_for_confirmation($node), 'where the server does not let it ask, the relay delivers all the same');
    is($refused->count_log(qr/ (warn|error)/), 0, 'and complains of nothing');
    is($refused->terminate, 0, 'it ends in good order');
    unlike($refused->log, qr/stopping/, 'a stop without anything in flight waits for nothing');
    like($refused->log, qr/ stopped$/m, 'and says that it is done');
}

done_testing();
