# A relay started before PostgreSQL and before Kafka waits for both; without Kafka it stays connected past wal_sender_timeout.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "wal_sender_timeout = 2s\n");
create_slot($node);
my @ids = split /\n/, $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', n::text) FROM generate_series(1, 100) n});
$node->stop;

my $kafka = Outbox::Kafka->new;
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
$relay->wait_for_log(qr/postgres|connect/i);
ok($relay->alive, 'without PostgreSQL and Kafka the relay waits');

$node->start;
ok($relay->wait_until_streaming($node), 'it connects once PostgreSQL is there');
my $walsender = q{SELECT pid FROM pg_stat_replication};
my $pid = $node->safe_psql('postgres', $walsender);
ok($node->poll_query_until('postgres', "SELECT reply_time > backend_start + interval '7 s' FROM pg_stat_replication"),
    'without Kafka it answers PostgreSQL for more than three times wal_sender_timeout');
is($node->safe_psql('postgres', $walsender), $pid, 'over one connection');
ok(!$node->log_contains('terminating walsender'), 'the server never lost patience');
cmp_ok($relay->count_log(qr/./), '<', 40, 'its log stays short') or diag $relay->log;

$kafka->start;
$kafka->create_topic('orders');
ok(wait_for_confirmation($node), 'everything is confirmed once Kafka is there');
is_deeply([ map { $_->{headers}[0][1] } $kafka->consume('orders') ], \@ids, 'each event has arrived once');
is($relay->terminate, 0, 'the relay ends in good order');

done_testing();
