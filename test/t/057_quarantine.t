# Refused events do not repeat or delay the others much: one of ten waiting events is too large, or has no key while its topic has become a compacted
# one. The relay writes each other event three times at most, records of aborted Kafka transactions included, and time and memory are bounded.
#
# QUARANTINE_EVENTS is the number of events in each of the four runs; 100000 is the full size.
use strict;
use warnings;

use List::Util qw(max);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slowness);
use Outbox::Relay;
use Test::More;
use Time::HiRes qw(time);

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
my $events = $ENV{QUARANTINE_EVENTS} // 10000;
my $allowed_s = 20 + $events / 500;    # on a quiet machine
local $ENV{PG_TEST_TIMEOUT_DEFAULT} = 900;

my %kinds = (
    size => { config => 'max.message.bytes=2000', key => q{'k'}, payload => q{to_json(repeat('x', CASE i % 10 WHEN 5 THEN 3000 ELSE 20 END))} },
    key => { config => 'cleanup.policy=compact', key => q{CASE i % 10 WHEN 5 THEN NULL ELSE 'k' END}, payload => q{to_json(i)} },
);

# How often each event is in the topic: for consumers of committed records, and with aborted records included.
sub written {
    my ($topic, $isolation) = @_;
    local $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $ENV{KAFKA_CLIENT_PROPERTIES} // (), "isolation.level=$isolation";
    my (%times, @order);
    $kafka->for_each_record(sub {
        my ($id) = map { $_->[1] } grep { $_->[0] eq 'id' } @{ $_[0]{headers} };
        push @order, $id if !$times{$id}++;
    }, $topic);
    return (\%times, \@order);
}

for my $delivery (qw(at-least-once exactly-once)) {
    for my $kind (sort keys %kinds) {
        my $name = "$delivery, $kind";
        # Before 2.4 librdkafka does not tell which record of a batch Kafka has refused, and a Kafka transaction is aborted for each group that is tried.
        if ($kind eq 'key' && $delivery eq 'exactly-once' && !Outbox::Relay::librdkafka_is_from(2, 4)) {
          SKIP: { skip "$name: takes a second for each group that is tried", 1 }
            next;
        }
        my ($slot, $topic, $letters) = ("outbox_$kind", "many.$delivery.$kind", "letters.$delivery.$kind");
        my @run = ('--delivery', $delivery, '--slot', $slot, '--dead-letter-topic', $letters);
        $kafka->create_topic($topic, 1, $kinds{$kind}{config});
        $kafka->create_topic($letters);
        my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run[0..3]);
        is($code, 0, "$name: setup") or diag $err;

        # One transaction has all events.
        my @ids = split /\n/, $node->safe_psql('postgres',
            "SELECT outbox.emit('$topic', $kinds{$kind}{key}, $kinds{$kind}{payload}) FROM generate_series(1, $events) AS i");
        my @guilty = map { $ids[ $_ * 10 + 4 ] } 0 .. $events / 10 - 1;
        my %is_guilty = map { $_ => 1 } @guilty;
        my @innocent = grep { !$is_guilty{$_} } @ids;
        my $relay = Outbox::Relay->new($node, name => "$delivery.$kind", kafka => $kafka,
            args => [ @run, qw(--on-poison dead-letter --listen 127.0.0.1:0) ])->start;
        my ($began_at, $slowness) = (time, slowness());
        ok(wait_for_confirmation($node, $slot), "$name: everything is confirmed") or diag $relay->log;
        my $took_s = time - $began_at;
        cmp_ok($took_s, '<', $allowed_s * max($slowness, slowness()), "$name: within the time");

        my ($seen, $order) = written($topic, 'read_committed');
        is_deeply($order, \@innocent, "$name: the innocent are delivered, in order");
        is(scalar(grep { $seen->{$_} > 1 } @innocent), 0, "$name: each is seen once") if $delivery eq 'exactly-once';
        my ($letter) = written($letters, 'read_committed');
        is_deeply([ sort keys %$letter ], [ sort @guilty ], "$name: each guilty one has a dead letter, and nobody else");
        my ($times) = written($topic, 'read_uncommitted');
        # A Kafka that takes half a minute for a batch has some of the records a fourth time.
        my $most = $relay->log =~ /Kafka has not taken/ ? 5 : 3;
        is(scalar(grep { $times->{$_} > $most } @innocent), 0, "$name: no innocent record is written more than three times");
        my $writes = 0;
        $writes += $_ for @$times{@innocent};
        my $memory_kb = $relay->peak_memory_kb;
        note sprintf '%s: %d of %d events, %.1f s, %.2f writes per innocent record, %d MB', $name, scalar @guilty, $events, $took_s,
            $writes / @innocent, $memory_kb / 1024;
        cmp_ok($memory_kb, '<', 160 << 10, "$name: within the memory");
        is($relay->count_log(qr/starting again from the slot/), 0, "$name: no start from the slot was needed");
        is($relay->terminate, 0, "$name: ends in good order");
        drop_slot($node, $slot);
    }
}

done_testing();
