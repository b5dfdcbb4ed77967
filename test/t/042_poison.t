# Events that Kafka refuses for their content: the relay stops, or sets them aside, or an operator skips them. All other events are delivered, in
# order.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $canary = 'canary-7ad1f0';

my $node = outbox_node('main', conf => "outbox.max_event_bytes = '4MB'\n");
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('outbox.dead-letter');
$kafka->create_topic('small.dead-letter', 1, 'max.message.bytes=1000');

sub emit { my ($topic, $payload, $count) = @_; return split /\n/, $node->safe_psql('postgres', "SELECT outbox.emit('$topic', 'k', $payload, 'order.created') FROM generate_series(1, $count)") }
sub id { return (grep { $_->[0] eq 'id' } @{ $_[0]{headers} })[0][1] }
sub first_ids { my %seen; return grep { !$seen{$_}++ } map { id($_) } $kafka->consume(@_) }
sub large { my ($size) = @_; return "to_json(repeat('$canary', $size / 14))" }
sub value { my ($size) = @_; return '"' . $canary x int($size / 14) . '"' }

for my $delivery (qw(at-least-once exactly-once)) {
    my ($slot, $topic) = ("outbox_$1", "small.$delivery") if $delivery =~ /^(\w+)/;
    my @run = ('--delivery', $delivery, '--slot', $slot, '--topics', $topic);
    $kafka->create_topic($topic, 1, 'max.message.bytes=2000');
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run);
    is($code, 0, "$delivery: setup") or diag $err;

    # The events are set aside.
    my @fitting = emit($topic, q{to_json(repeat('x', 100))}, 50);
    my ($poisoned) = emit($topic, large(5000), 1);
    push @fitting, emit($topic, q{to_json(repeat('x', 100))}, 50);
    my $relay = Outbox::Relay->new($node, name => $delivery, kafka => $kafka, args => [ @run, qw(--on-poison dead-letter) ])->start;
    ok(wait_for_confirmation($node, $slot), "$delivery: a poisoned event is set aside") or diag $relay->log;
    is_deeply([ first_ids($topic) ], \@fitting, "$delivery: all others are delivered, in order");
    my ($letter) = grep { id($_) eq $poisoned } $kafka->consume('outbox.dead-letter');
    is($letter->{key}, 'k', "$delivery: the dead letter has the key");
    ok($letter->{value} eq value(5000), "$delivery: the payload");
    my %headers = map { @$_ } @{ $letter->{headers} };
    is($headers{type}, 'order.created', "$delivery: the event's own headers");
    is($headers{'outbox-topic'}, $topic, "$delivery: the original topic");
    like($headers{'outbox-reason'}, qr/size too large/, "$delivery: the reason");
    like($headers{'outbox-lsn'}, qr{^[0-9A-F]+/[0-9A-F]+$}, "$delivery: the LSN");
    like($relay->log, qr/$poisoned.*outbox\.dead-letter/, "$delivery: the log says so");

    # An event that is larger than the producer takes, as is its dead letter.
    my ($huge) = emit($topic, large(1_500_000), 1);
    push @fitting, emit($topic, q{'1'}, 3);
    ok(wait_for_confirmation($node, $slot), "$delivery: so is one that librdkafka refuses") or diag $relay->log;
    ($letter) = grep { id($_) eq $huge } $kafka->consume('outbox.dead-letter');
    is($letter->{value}, undef, "$delivery: without the payload");
    %headers = map { @$_ } @{ $letter->{headers} };
    is($headers{'outbox-payload-sha256'}, sha256_hex(value(1_500_000)), "$delivery: with its SHA-256");
    is($headers{'outbox-payload-bytes'}, length value(1_500_000), "$delivery: and its size");
    is($relay->terminate, 0, "$delivery: ends in good order");

    # A dead-letter topic that does not take the event either.
    my ($twice) = emit($topic, large(5000), 1);
    push @fitting, emit($topic, q{'1'}, 3);
    my $other = Outbox::Relay->new($node, name => "$delivery-2", kafka => $kafka,
        args => [ @run, qw(--on-poison dead-letter --dead-letter-topic small.dead-letter) ])->start;
    ok(wait_for_confirmation($node, $slot), "$delivery: a letter that is refused goes without payload") or diag $other->log;
    ($letter) = grep { id($_) eq $twice } $kafka->consume('small.dead-letter');
    is({ map { @$_ } @{ $letter->{headers} } }->{'outbox-payload-sha256'}, sha256_hex(value(5000)), "$delivery: with the payload's SHA-256");
    is($other->terminate, 0, "$delivery: ends in good order");

    # The relay stops, and an operator skips the event.
    my @before = emit($topic, q{'1'}, 3);
    my ($first) = emit($topic, large(5000), 1);
    push @before, emit($topic, q{'1'}, 3);
    my ($second) = emit($topic, large(6000), 1);
    push @before, emit($topic, q{'1'}, 3);
    push @fitting, @before;
    my $stopping = Outbox::Relay->new($node, name => "$delivery-stop", kafka => $kafka, args => \@run)->start;
    is($stopping->wait_for_exit(60), 8, "$delivery: by default it stops");
    like($stopping->log, qr/$first of topic "\Q$topic\E" \(\d+ bytes, transaction [0-9A-F\/]+\).*outbox-relay skip --id $first/,
        "$delivery: the log has id, topic, size, LSN and the command that goes on");
    is_deeply([ (first_ids($topic))[-3 .. -1] ], [ @before[0 .. 2] ], "$delivery: what came before it is delivered");
    my @skip = ('skip', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run);
    ($code, $out, $err) = Outbox::Relay::call(@skip, '--id', $second);
    is($code, 8, "$delivery: to skip another one does not help") or diag $err;
    like($err, qr/$first/, "$delivery: it says which is in the way");
    ($code, $out, $err) = Outbox::Relay::call(@skip, '--id', $first);
    is($code, 0, "$delivery: the event is skipped") or diag $err;
    $stopping->start;
    is($stopping->wait_for_exit(60), 8, "$delivery: that was for this event only");
    like($stopping->log, qr/$second/, "$delivery: the next one stops it again");
    ($code, $out, $err) = Outbox::Relay::call(@skip, '--id', $second);
    is($code, 0, "$delivery: and is skipped in its turn") or diag $err;
    $stopping->start;
    $stopping->wait_until_streaming($node, $slot);
    ok(wait_for_confirmation($node, $slot), "$delivery: then it goes on");
    is($stopping->terminate, 0, "$delivery: ends in good order");
    is_deeply([ first_ids($topic) ], \@fitting, "$delivery: all the others are delivered, in order");
    my ($note) = grep { $_->{key} =~ m{/skipped/$first$} } $kafka->consume('outbox.state');
    like($note->{value}, qr/"skipped":"$first","topic":"\Q$topic\E","lsn":"[^"]+","payload_bytes":\d+,"payload_sha256":"[0-9a-f]{64}"/,
        "$delivery: what was skipped is recorded");
    ($code, $out, $err) = Outbox::Relay::call(@skip, '--id', $first);
    is($code, 1, "$delivery: it cannot be skipped again");
    like($err, qr/no event with the id $first/, "$delivery: with the reason");
    if ($delivery eq 'exactly-once') {
        my @all = map { id($_) } $kafka->consume($topic);
        is(scalar @all, scalar @fitting, "$delivery: nothing came twice");
    }
    unlike($_->whole_log, qr/\Q$canary\E/, "$delivery: no payload in the log") for $relay, $other, $stopping;
}

# From a producer that a partition does not know yet the partition takes any first batch, also one that follows a refused event.
$kafka->create_topic('small.first', 1, 'max.message.bytes=2000');
my @first = ('--slot', 'outbox_first', '--topics', 'small.first');
my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @first);
is($code, 0, 'setup') or diag $err;
emit('small.first', large(5000), 1);
emit('small.first', q{'1'}, 20);
my $overtaken = Outbox::Relay->new($node, name => 'first', kafka => $kafka, args => [ @first, qw(-X batch.num.messages=1 -X linger.ms=0) ]);
for my $attempt (1 .. 5) {
    $overtaken->start;
    is($overtaken->wait_for_exit(60), 8, "attempt $attempt: it stops at the first event");
}
is_deeply([ $kafka->consume('small.first') ], [], 'and nothing has overtaken it');

# Without Kafka skip waits for half a minute, unless its operator ends it.
my $waiting = Outbox::Process->spawn(command => [ $ENV{OUTBOX_RELAY}, qw(skip --brokers 127.0.0.1:1 --id 01a20c11-09d4-7b9d-95a5-66f7b2170e7a) ],
    stdout => '/dev/null', stderr => '/dev/null');
my $task = '/proc/' . $waiting->pid . '/task/*';
wait_until { my @threads = glob $task; @threads > 2 } 'it looks for Kafka';
$waiting->signal('TERM');
is($waiting->wait_for_exit(5), 143, 'a signal ends it while it waits for Kafka');

($code, $out, $err) = Outbox::Relay::call(qw(skip --brokers x --id nonsense));
is($code, 2, 'an id that is none is refused');
like($err, qr/UUID/, 'with what was expected');

done_testing();
