# A cluster that may elect a leader without all records loses records that it has acknowledged. At least once the relay logs this once and goes on;
# exactly once it stops, and commits nothing on top of the loss. The same holds where a topic is deleted and created again under a running relay.
# Takes long.
use strict;
use warnings;

use Outbox::KafkaCluster;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Test::More;

my $node = outbox_node('main');
my $kafka = Outbox::KafkaCluster->new;
$kafka->launch;
$kafka->wait_until_ready;

sub emit {
    my ($topic, @payloads) = @_;
    $node->safe_psql('postgres', "SELECT outbox.emit('$topic', 'k', '$_')") for @payloads;
    return;
}

# Of nodes 2 and 3 the second lacks the records that the first acknowledges meanwhile, and then becomes the leader.
sub lose_records_of {
    my ($topic, @payloads) = @_;
    $kafka->node(3)->stop;
    emit($topic, @payloads);
    ok(wait_for_confirmation($node), "$topic: Kafka has acknowledged the events") or return;
    my $end = $kafka->end_of($topic);
    $kafka->node(2)->kill_nine;
    $kafka->node(3)->launch;
    wait_until { (eval { $kafka->end_of($topic) } // $end) < $end } 'node 3 leads', 90;
    return;
}

sub make_topic {
    my ($topic) = @_;
    $kafka->create_topic($topic, 1, qw(min.insync.replicas=1 unclean.leader.election.enable=true));
    $kafka->reassign($topic, [ 2, 3 ]);
    is($kafka->begin_waiting('in-sync')->wait_for_exit(90), 0, "$topic is on nodes 2 and 3");
    return;
}

my $loss = qr/Kafka has lost records of topic "%s" that it had acknowledged: partition 0 had a record at offset \d+, and the next one is now at offset \d+/;
sub loss_of { my ($topic) = @_; my $text = $loss =~ s/%s/$topic/r; return qr/$text/ }

# ---- at least once

create_slot($node);
make_topic('orders');
my $relay = Outbox::Relay->new($node, name => 'at-least-once', kafka => $kafka)->start;
emit('orders', 1 .. 3);
ok(wait_for_confirmation($node), 'it delivers');
lose_records_of('orders', 4 .. 6);
emit('orders', 7);
ok(wait_for_confirmation($node), 'at least once goes on');
like($relay->log, loss_of('orders'), 'and says what Kafka has lost');
emit('orders', 8, 9);
ok(wait_for_confirmation($node), 'and goes on');
is($relay->count_log(qr/has lost records/), 1, 'once') or diag $relay->log;
is($relay->terminate, 0, 'it ends in good order');
$kafka->node(2)->launch;
$kafka->wait_until_ready;
is($kafka->begin_waiting('in-sync')->wait_for_exit(90), 0, 'node 2 is back');

# ---- exactly once

my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, '--reset-state');
is($code, 0, 'set up for exactly once') or BAIL_OUT($err);
make_topic('payments');
$relay = Outbox::Relay->new($node, name => 'exactly-once', kafka => $kafka, args => [qw(--delivery exactly-once)])->start;
emit('payments', 1 .. 3);
ok(wait_for_confirmation($node), 'it delivers');
lose_records_of('payments', 4 .. 6);
my $confirmed = slot($node, 'confirmed_flush_lsn');
emit('payments', 7);
is($relay->wait_for_exit(120), 6, 'exactly once stops') or diag $relay->log;
like($relay->log, loss_of('payments'), 'and says what Kafka has lost');
is(slot($node, 'confirmed_flush_lsn'), $confirmed, 'the event after the loss is not confirmed');
$relay->start;
ok(wait_for_confirmation($node), 'its operator has decided, and started it again: it goes on');
is_deeply([ grep { $_ == 7 } map { $_->{value} } $kafka->consume('payments') ], [7], 'the event comes once');

# ---- a topic that is created again

$kafka->create_topic('invoices', 1);
emit('invoices', 1 .. 3);
ok(wait_for_confirmation($node), 'another topic');
$kafka->delete_topic('invoices');
$kafka->create_topic('invoices', 1);
emit('invoices', 4);
is($relay->wait_for_exit(120), 6, 'exactly once stops where a topic has been created again') or diag $relay->log;
like($relay->log, loss_of('invoices'), 'and says so');
$relay->start;
$kafka->delete_topic('invoices');
emit('invoices', 5);
$relay->wait_for_log(qr/waiting for topic "invoices"/);
$kafka->create_topic('invoices', 1);
ok(wait_for_confirmation($node), 'not where the relay has seen that it was gone');
is($relay->terminate, 0, 'it ends in good order');

done_testing();
