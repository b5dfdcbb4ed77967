# The name of a broker is not looked up, because no name server answers: the relay goes on with status updates and signals, and ends within its grace,
# with events in flight and before its first connection to Kafka. The relay goes on when the name is known again.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Names;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);

BEGIN { delete $ENV{TLS} }    # the certificates are of addresses, and this broker has a name

my ($sender_timeout_s, $grace_s, $more_s) = (3, 1, 5);    # ending may take the grace, and then what librdkafka's threads take
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\nwal_sender_timeout = ${sender_timeout_s}s\n");
my $names = Outbox::Names->new;
my $inner_port = PostgreSQL::Test::Cluster::get_free_port();
my $proxy = Outbox::Proxy->new(kafka => $inner_port);
my $kafka = Outbox::Kafka->new(inner_port => $inner_port, proxy_port => $proxy->port('kafka'), proxy_host => 'kafka.test')->start;
$kafka->create_topic('orders', 1);
Outbox::Relay::set_up_exactly_once($node, $kafka);

sub relay {
    my ($delivery) = @_;
    return Outbox::Relay->new($node, name => $delivery, kafka => 'kafka.test:' . $proxy->port('kafka'), env => { $names->env },
        args => [ '--shutdown-grace-ms', 1000 * $grace_s, '--delivery', $delivery, '-X', 'reconnect.backoff.max.ms=200' ])->start;
}

# librdkafka connects to an address that it has known for a second again without a look-up, so the first attempts are refused.
sub name_dies {
    $names->die('kafka.test');
    $proxy->command(qw(kafka refuse));
    $proxy->command(qw(kafka reset));
    return;
}

sub name_lives {
    $names->live('kafka.test');
    $proxy->command(qw(kafka heal));
    return;
}

sub ends_in_time {
    my ($relay, $what) = @_;
    my $start = time;
    is($relay->terminate(60), 0, $what);
    cmp_ok(time - $start, '<', $grace_s + $more_s, 'in time');
    return;
}

for my $delivery (qw(exactly-once at-least-once)) {
    my $relay = relay($delivery);
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    ok(wait_for_confirmation($node), "$delivery: the relay delivers");
    my $walsender = slot($node, 'active_pid');

    name_dies();
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2')});
    $relay->wait_for_log(qr{Kafka cannot be reached}, 60);
    pass('it says that it waits for Kafka');
    sleep 2 * $sender_timeout_s + 1;    # longer than the server bears a relay that says nothing
    is(slot($node, 'active_pid'), $walsender, 'the name is dead and an event in flight: the stream goes on');
    name_lives();
    ok(wait_for_confirmation($node), 'the name is known again: the event is delivered');

    name_dies();
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '3')});
    sleep 2;                            # the event is in flight, and librdkafka is looking the name up
    ends_in_time($relay, 'a signal ends the relay while an event is in flight,');

    $relay = relay($delivery);
    $relay->wait_until_streaming($node);
    sleep 1;                            # librdkafka is looking the name up
    ends_in_time($relay, 'a signal ends a relay that has never reached Kafka,');
    name_lives();
}

$node->stop;
done_testing();
