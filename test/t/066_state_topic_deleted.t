# Exactly once, the state topic is deleted while the relay delivers: the relay waits for the topic and names it, goes on once the topic is there again,
# and consumers of committed records see every event once. A relay that starts without its position stops with 6.
# Takes long.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slowness);
use Outbox::Relay;
use Test::More;

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 4);
my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'set up') or BAIL_OUT($err);

my $number = 0;
sub emit_some { # transactions of one event each
    my $to = $number + 200;
    $node->safe_psql('postgres', join '', map { "SELECT outbox.emit('orders', 'k' || $_ % 7, '$_');\n" } $number + 1 .. $to);
    $number = $to;
    return;
}

# librdkafka would believe for half a minute that the topic is about to appear.
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--delivery exactly-once --property topic.metadata.propagation.max.ms=0)])->start;
emit_some();
ok(wait_for_confirmation($node), 'the relay delivers');
$kafka->delete_topic('outbox.state');
emit_some();
$relay->wait_for_log(qr/waiting for topic "outbox\.state"/, 150 * slowness());
ok($relay->alive, 'the state topic is gone: the relay waits, and names it');
$kafka->create_topic('outbox.state', 1, 'cleanup.policy=compact');
emit_some();
ok(wait_for_confirmation($node), 'the topic is there again: the relay goes on');
is_deeply([ sort { $a <=> $b } map { $_->{value} } $kafka->consume('orders') ], [ 1 .. $number ], 'consumers see every event once');
is($relay->terminate, 0, 'the relay ends in good order');

$kafka->delete_topic('outbox.state');
$kafka->create_topic('outbox.state', 1, 'cleanup.policy=compact');
emit_some();
is($relay->start->wait_for_exit(60 * slowness()), 6, 'a relay that starts without its position stops with 6');
like($relay->log, qr/--reset-state/, 'and says what to do');
is(scalar(() = $kafka->consume('orders')), $number - 200, 'and delivers nothing');
done_testing();
