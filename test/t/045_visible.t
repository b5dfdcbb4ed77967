# Kafka acknowledges the commit of a Kafka transaction before it has written the commit to the partitions, and some brokers never wrote it. The relay
# confirms the slot only when consumers can see the events, and when an operator aborts such a Kafka transaction, its events come again. The broker
# writes commits to its partitions over a connection to itself, which goes through a proxy here.
use strict;
use warnings;

use HTTP::Tiny;
use List::Util qw(sum);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "wal_sender_timeout = 2s\n");    # half of which lies between two answers of a relay
my $inner_port = PostgreSQL::Test::Cluster::get_free_port();
my $proxy = Outbox::Proxy->new(itself => $inner_port);
# Without the second line the broker would also verify over this connection that a record belongs to a Kafka transaction.
my $kafka = Outbox::Kafka->new(inner_port => $inner_port, proxy_port => $proxy->port('itself'),
    properties => "inter.broker.listener.name=PROXIED\ntransaction.partition.verification.enable=false\n")->start;
$kafka->create_topic('orders');
my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'set up') or diag $err;
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--delivery exactly-once --listen 127.0.0.1:0)]);

sub emit { my ($item) = @_; return $node->safe_psql('postgres', "SELECT outbox.emit('orders', 1, '{\"item\":\"$item\"}')") }
sub seen { return join ' ', map { $_->{value} =~ /"item":"(\w+)"/ } $kafka->consume('orders') }

sub delivered {
    my ($address) = $relay->log =~ m{status on (http://127\.0\.0\.1:\d+)/};
    my $text = HTTP::Tiny->new(timeout => 10)->get("$address/metrics")->{content};
    return sum($text =~ /^outbox_relay_events_delivered_total\{topic="\w+"\} (\d+)/mg);
}

# Returns when Kafka has acknowledged the event, and no consumer can see it.
sub emit_unseen {
    my ($item) = @_;
    my $before = delivered();
    $proxy->command(qw(itself silence up));
    emit($item);
    my $end = current_lsn($node);
    wait_until { delivered() > $before } 'the commit is acknowledged';
    return $end;
}

$relay->start;
emit('Macbook');
ok(wait_for_confirmation($node), 'an event is confirmed');
is(seen(), 'Macbook', 'and seen');

# ---- late -----------------------------------------------------------------------------------------------------------

my $end = emit_unseen('iPhone');
is(seen(), 'Macbook', 'the next one is acknowledged, and not seen');
my $asked = $node->safe_psql('postgres', 'SELECT now()');
$node->poll_query_until('postgres', "SELECT reply_time > '$asked' FROM pg_stat_replication");
is(slot($node, "confirmed_flush_lsn < '$end'"), 't', 'the relay has answered since, and not confirmed it');
$relay->wait_for_log(qr/acknowledged a Kafka transaction and does not show it in the state topic "outbox.state"; nothing of it is confirmed/);
is(slot($node, "confirmed_flush_lsn < '$end'"), 't', 'it gives up waiting, and has not confirmed it');
$proxy->command(qw(itself heal));
ok(wait_for_confirmation($node), 'it is confirmed when it is there');
is(seen(), 'Macbook iPhone', 'and seen, once');

# ---- never ----------------------------------------------------------------------------------------------------------

$end = emit_unseen('iPad');
$relay->kill_nine;
$kafka->abort_hanging($_) for qw(orders outbox.state);
$proxy->command(qw(itself heal));
is(seen(), 'Macbook iPhone', 'a transaction that was acknowledged is given up');
is(slot($node, "confirmed_flush_lsn < '$end'"), 't', 'the slot has it still');
$relay->start;
ok(wait_for_confirmation($node), 'it comes again');
is(seen(), 'Macbook iPhone iPad', 'and is seen, once');

# ---- never, and the relay lives on -----------------------------------------------------------------------------------

my $sessions = () = $relay->log =~ /exactly once from/g;
$end = emit_unseen('AirPods');
$kafka->abort_hanging($_) for qw(orders outbox.state);
is(seen(), 'Macbook iPhone iPad', 'what was acknowledged is given up under a running relay');
is(slot($node, "confirmed_flush_lsn < '$end'"), 't', 'which has not confirmed it');
$proxy->command(qw(itself heal)); # from here on the relay can see that, and deliver again
ok(wait_for_confirmation($node), 'and delivers it again');
is(seen(), 'Macbook iPhone iPad AirPods', 'once');
cmp_ok(scalar(() = $relay->log =~ /exactly once from/g), '>', $sessions, 'in a new session, from the slot on');
emit('iMac');
ok(wait_for_confirmation($node), 'that session goes on');
is(seen(), 'Macbook iPhone iPad AirPods iMac', 'in order');
is($relay->terminate, 0, 'the relay ends in good order');

done_testing();
