# A consumer reads an event's row on a standby: the record's header outbox-lsn says how far the standby must have replayed, and the statements of
# docs/consumers.md wait for that: from PostgreSQL 19 on WAIT FOR LSN, before a query that is repeated.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('primary');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
create_slot($node);
$node->safe_psql('postgres', 'CREATE TABLE orders (id int PRIMARY KEY, item text)');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', current_lsn($node));

# The page's statements, for an LSN.
my $page = slurp(dirname(__FILE__) . '/../../docs/consumers.md');
my ($statement) = $page =~ /`(WAIT FOR LSN '[^`]+)`/ or die 'the page has no statement for PostgreSQL 19';
my ($question) = $page =~ /^(SELECT NOT pg_is_in_recovery\(\).*;)$/m or die 'the page has no query';
my $is_19 = $node->pg_version->major >= 19;
sub wait_for { my ($lsn) = @_; return ($is_19 ? "$statement;" : $question) =~ s/'0\/16B3748'/'$lsn'/r }

# The standby stands still, and an event comes before its row.
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'}) or die 'the standby does not pause';
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => ['--lsn-header'])->start;
$node->safe_psql('postgres', q{BEGIN; INSERT INTO orders VALUES (1, 'Macbook'); SELECT outbox.emit('orders', 1::bigint, '{}'); COMMIT});
ok(wait_for_confirmation($node), 'the relay delivers');
my ($record) = $kafka->consume('orders');
my %header = map { @$_ } @{ $record->{headers} };
my $lsn = $header{'outbox-lsn'};
like($lsn, qr{^[0-9A-F]+/[0-9A-F]+$}, 'the record has the LSN');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM orders'), 0, 'the standby has no row yet');

# A consumer's session, which waits and reads.
my ($out, $err) = ('', '');
if ($is_19) {
    my $session = IPC::Run::start([ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $standby->connstr('postgres'), '-c', wait_for($lsn), '-c', 'SELECT item FROM orders' ],
        '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
    ok($standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'WAIT FOR LSN%' AND state = 'active'}), 'the session waits');
    is($standby->safe_psql('postgres', ($statement =~ s/'0\/16B3748'/'$lsn'/r) . q{ WITH (TIMEOUT '50ms', NO_THROW)}), 'timeout', 'and another one for as long as it wants');
    $standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
    $session->finish;
    is("$out$err", "success\nMacbook\n", 'then the row is there');
}
else {
    is($standby->safe_psql('postgres', wait_for($lsn)), 'f', 'the query is false');
    $standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
    wait_until { $standby->safe_psql('postgres', wait_for($lsn)) eq 't' } 'the query is true at last';
    is($standby->safe_psql('postgres', 'SELECT item FROM orders'), 'Macbook', 'then the row is there');
}
is($node->safe_psql('postgres', $question =~ s/'0\/16B3748'/'$lsn'/r), 't', 'on the primary there is nothing to wait for');

is($relay->terminate, 0, 'the relay ends in good order');
$standby->stop;
$node->stop;
done_testing();
