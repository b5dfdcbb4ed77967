# The relay's memory is bounded, with default settings: by a transaction of a million events, and by a broker that freezes and dies under full load.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $events = 1_000_000;
my $backlog = 300_000;
my $few = 1000;
my $limit_kb = 64 * 1024;

my $node = outbox_node('main', conf => "wal_sender_timeout = 10s\n");
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for qw(million backlog);
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
$relay->wait_until_streaming($node);

sub memory_ok {
    my ($name) = @_;
    my $kb = $relay->peak_memory_kb;
    cmp_ok($kb, '<', Outbox::Relay::memory_limit_kb($limit_kb), sprintf '%s: the relay had at most %.1f MB resident', $name, $kb / 1024);
    diag sprintf '%s: peak resident memory %.1f MB', $name, $kb / 1024;
}

# One transaction emits the events n, of 1000 keys, in the sequence of n within each key; exactly these arrive.
sub emit {
    my ($topic, $from, $to) = @_;
    my $payload = q[format('{"n":%s,"pad":"%s"}', n, repeat('x', 100))];
    $node->safe_psql('postgres', "SELECT count(outbox.emit('$topic', n % 1000, $payload)) FROM generate_series($from, $to) n");
}

sub arrived_ok {
    my ($topic, $count, $name) = @_;
    my ($seen, $repeated, $distinct, $disorder) = ('', 0, 0, 0);
    my %last;
    $kafka->for_each_record(sub {
        my ($record) = @_;
        my ($n) = $record->{value} =~ /^\{"n":(\d+),"pad":"x{100}"\}$/ or return $disorder++;
        $disorder++ if $record->{key} != $n % 1000;
        return $repeated++ if vec $seen, $n, 1;
        vec($seen, $n, 1) = 1;
        $distinct++;
        $disorder++ if $n < ($last{ $record->{key} } // 0);
        $last{ $record->{key} } = $n;
    }, $topic);
    is($distinct, $count, "$name: every event has arrived");
    is($disorder, 0, "$name: unaltered, in the order of each key");
    note "$name: $repeated repeated";
    return $repeated;
}

my $start = time;
emit('million', 1, $events);
note sprintf 'emitted in %.1f s', time - $start;
$start = time;
ok(wait_for_confirmation($node), 'a transaction of a million events is confirmed');
note sprintf 'delivered in %.1f s', time - $start;
memory_ok('a transaction of a million events');
is(arrived_ok('million', $events, 'million'), 0, 'none twice');

# A new relay, whose memory has not grown yet, knows the topic when the broker freezes, and fills its memory up to the bound. Then the broker
# dies, and comes back.
$relay->terminate;
$relay->start;
$relay->wait_until_streaming($node);
emit('backlog', 1, $few);
ok(wait_for_confirmation($node), 'a few events are confirmed');
$kafka->pause;
my $third = $backlog / 3;
emit('backlog', $few + $_ * $third + 1, $few + ($_ + 1) * $third) for 0 .. 2;
my $stalled = q{SELECT sent_lsn < pg_current_wal_lsn() AND clock_timestamp() - reply_time < interval '10 s' FROM pg_stat_replication};
ok($node->poll_query_until('postgres', $stalled), 'the relay stops reading, but answers');
$kafka->kill_nine;
$kafka->start;
ok(wait_for_confirmation($node), 'the backlog is confirmed once the broker is back');
memory_ok('a broker outage under full load');
arrived_ok('backlog', $few + $backlog, 'backlog');
is($relay->terminate, 0, 'the relay ends in good order');
ok(!$node->log_contains('terminating walsender'), 'the server never lost patience with it');

done_testing();
