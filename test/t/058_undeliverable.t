# Events that cannot be delivered for another reason than their content: topics that are not for events, old timestamps, missing topics.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Test::More;
use Time::HiRes qw(time);

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('outbox.dead-letter');

sub emit {
    my ($count, $topic, $key, $payload) = @_;
    return split /\n/, $node->safe_psql('postgres', "SELECT outbox.emit($topic, $key, $payload) FROM generate_series(1, $count) AS i");
}
sub id { return (grep { $_->[0] eq 'id' } @{ $_[0]{headers} })[0][1] }
sub written { my %times; $times{ id($_) }++ for $kafka->consume(@_); return \%times }
sub records { my ($topic) = @_; my ($end) = $kafka->ends($topic) =~ /(\d+)\s*$/; return $end }

for my $delivery (qw(at-least-once exactly-once)) {
    my ($slot, $many) = ("outbox_$1", "many.$1") if $delivery =~ /^(\w+)/;
    my @run = ('--delivery', $delivery, '--slot', $slot);
    $kafka->create_topic($many);
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run);
    is($code, 0, "$delivery: setup") or diag $err;
    my $relay = Outbox::Relay->new($node, name => $delivery, kafka => $kafka,
        args => [ @run, qw(--on-poison dead-letter --listen 127.0.0.1:0) ])->start;

    # Topics that are not for events: the relay rejects, counts and names such events, and the stream goes on.
    my $state_key = $node->safe_psql('postgres', "SELECT '$slot\@' || (SELECT system_identifier FROM pg_control_system()) || '/postgres'");
    for my $topic (qw(outbox.state outbox.dead-letter __consumer_offsets)) {
        my $envelope = qq({"topic":"$topic","key":"$state_key","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":{}});
        $node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'outbox', '$envelope')");
        $relay->wait_for_log(qr/rejected event 01a20c11-09d4-7b9d-95a5-66f7b2170e7a of topic "\Q$topic\E", transaction [0-9A-F]+\/[0-9A-F]+/);
        pass("$delivery: an event for $topic is rejected");
    }
    my ($after) = emit(1, "'$many'", "'k'", q{'"after"'});
    ok(wait_for_confirmation($node, $slot), "$delivery: the stream goes on");
    is(written($many)->{$after}, 1, "$delivery: with what came after them");
    is($relay->terminate, 0, "$delivery: ends in good order");

    # An event older than the topic allows: the dead letter has the current time, and the event's time in a header.
    my $strict = "strict.$delivery";
    $kafka->create_topic($strict, 1, 'message.timestamp.before.max.ms=1000');
    $kafka->configure_topic('outbox.dead-letter', 'message.timestamp.before.max.ms=60000');
    my ($old) = emit(1, "'$strict'", "'k'", q{'1'});
    my $committed_at = time;
    wait_until { time > $committed_at + 2 } 'the event is old';
    $relay->start;
    ok(wait_for_confirmation($node, $slot), "$delivery: an event that is too old is set aside") or diag $relay->log;
    my ($letter) = grep { id($_) eq $old } $kafka->consume('outbox.dead-letter');
    my %headers = map { @$_ } @{ $letter->{headers} };
    cmp_ok($letter->{timestamp}, '>', ($committed_at + 1) * 1000, "$delivery: the letter has the time of now");
    cmp_ok(abs($headers{'outbox-timestamp'} - $committed_at * 1000), '<', 1000, "$delivery: and the commit time in a header");

    # The log names the missing topic, and events before it are visible to consumers. An operator skips the event while the relay runs.
    my ($before) = emit(1, "'$many'", "'k'", q{'"before"'});
    my ($waiting) = emit(1, "'missing.$delivery'", "'k'", q{'1'});
    $relay->wait_for_log(qr/waiting for topic "missing\.\Q$delivery\E".*: create it with kafka-topics.sh --create \(event $waiting, transaction [0-9A-F\/]+;/);
    wait_until { written($many)->{$before} } "$delivery: what came before is visible";
    my $lines = records($many);
    ($code, $out, $err) = Outbox::Relay::call('skip', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run,
        '--takeover', '--id', $waiting);
    is($code, 0, "$delivery: it is skipped while the relay runs") or diag $err;
    ($after) = emit(1, "'$many'", "'k'", q{'"after"'});
    ok(wait_for_confirmation($node, $slot), "$delivery: then the relay goes on") or diag $relay->log;
    is(written($many)->{$_}, 1, "$delivery: each once") for $before, $after;
    is($relay->terminate, 0, "$delivery: ends in good order");
    drop_slot($node, $slot);
}

done_testing();
