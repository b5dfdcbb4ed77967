# A Kafka that takes longer for a batch than a Kafka transaction may stand, here for a quota of the client: exactly-once commits smaller batches, and a
# backlog gets out, with each event once. Takes long.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my ($events, $bytes_per_s) = (8000, 80_000);

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'set up') or diag $err;
run_command([ $kafka->_java_command('kafka.admin.ConfigCommand'), '--bootstrap-server', $kafka->_plain_brokers, qw(--alter --entity-type clients --entity-default),
    '--add-config', "producer_byte_rate=$bytes_per_s" ]);

# One transaction of 8 MB, which takes a hundred seconds by the quota, and a Kafka transaction may stand for thirty. Kafka throttles only after some
# requests, and librdkafka has five of 1 MB on their way at once.
$node->safe_psql('postgres', "SELECT count(outbox.emit('orders', 'k', to_json(n || repeat('x', 1000)))) FROM generate_series(1, $events) AS n");
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--delivery exactly-once)])->start;
local $ENV{PG_TEST_TIMEOUT_DEFAULT} = 300;
ok(wait_for_confirmation($node), 'everything is confirmed') or diag $relay->log;
local $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $ENV{KAFKA_CLIENT_PROPERTIES} // (), 'isolation.level=read_committed';
is_deeply([ map { $_->{value} =~ /"(\d+)x/ } $kafka->consume('orders') ], [ 1 .. $events ], 'each event is there once, in order');
like($relay->log, qr/Kafka has not taken \d+ events in the time of a Kafka transaction; the next ones have at most \d+/, 'the relay says what it does');
is($relay->terminate, 0, 'the relay ends well');

done_testing();
