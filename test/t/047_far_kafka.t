# Kafka is far away: each answer takes 0.6 s. librdkafka throws an answer away that comes after the wait for it, so every command has to wait longer
# than it does for a broker in the next rack.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(cpu_s);
use Outbox::Proxy;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

local $ENV{PG_TEST_TIMEOUT_DEFAULT} = 60;
delete $ENV{TLS};    # the proxy's listener has none
my ($inner, $outer) = map { PostgreSQL::Test::Cluster::get_free_port() } 1, 2;
my $kafka = Outbox::Kafka->new(inner_port => $inner, proxy_port => $outer)->start;
$kafka->create_topic($_) for qw(orders outbox.dead-letter);
my $node = outbox_node('main');
my $proxy = Outbox::Proxy->new(kafka => [ '127.0.0.1', $outer, $inner ]);
$proxy->command(qw(kafka delay 300));
my $far = "127.0.0.1:$outer";

my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $far, qw(--delivery exactly-once));
is($code, 0, 'setup makes the state topic') or diag $err;
for my $delivery (qw(exactly-once at-least-once)) {
    my $relay = Outbox::Relay->new($node, name => $delivery, kafka => $far, args => [ '--delivery', $delivery ])->start;
    $node->safe_psql('postgres', "SELECT outbox.emit('orders', n::bigint, '{}') FROM generate_series(1, 100) AS n");
    ok(wait_for_confirmation($node), "$delivery: delivered") or diag $relay->log;
    waits_without_a_processor($relay, $delivery);
    is($relay->terminate, 0, "$delivery: a good end");
}
is(scalar(() = $kafka->consume('orders')), 600, 'each event is there once');

my $doctor = Outbox::Doctor->new($node, args => [ '--brokers', $far, '--topics', 'orders' ]);
$doctor->examine;
$doctor->found('brokers', 'OK', qr/each broker answers/);
my $out;
($code, $out, $err) = Outbox::Relay::call('dead-letters', '--brokers', $far);
is($code, 0, 'dead-letters reads the topic') or diag $err;

done_testing();

# While one batch is on its way, the next one is ready. See packaging/librdkafka.
sub waits_without_a_processor {
    my ($relay, $delivery) = @_;
    my ($began, $used) = (time, -cpu_s($relay->pid));
    $node->safe_psql('postgres', q{DO 'BEGIN FOR n IN 1 .. 200 LOOP PERFORM outbox.emit($$orders$$, n::bigint, $$1$$); COMMIT; PERFORM pg_sleep(0.01); END LOOP; END'});
    ok(wait_for_confirmation($node), "$delivery: one after the other: delivered") or diag $relay->log;
    $used += cpu_s($relay->pid);
  SKIP: {
        skip "the distribution's librdkafka turns without a pause", 1 if ($ENV{LIBRDKAFKA} // 'pinned') ne 'pinned';
        cmp_ok($used, '<', 0.3 * (time - $began), "$delivery: the relay waits without a processor");
    }
    return;
}
