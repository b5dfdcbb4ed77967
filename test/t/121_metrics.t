# The metrics: their names, labels and values. Prometheus' own tool finds no fault in them.
use strict;
use warnings;

use IPC::Run ();
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(metrics metrics_text);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @listen = qw(--listen 127.0.0.1:0);
my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 1) for qw(orders small);
$kafka->create_topic('few', 1, 'max.message.bytes=1000');
$kafka->create_topic('outbox.dead-letter', 1);
$kafka->create_topic("many.$_", 1) for 1 .. 8;

sub emit {
    my ($topic, $count, $payload) = @_;
    return $node->safe_psql('postgres', "SELECT outbox.emit('$topic', 'k', " . ($payload // q{'1'}) . ") FROM generate_series(1, $count)");
}

# What promtool complains of in a relay's metrics; empty where it finds no fault.
sub complaints {
    my ($relay) = @_;
    my $text = metrics_text($relay);
    my $said = '';
    IPC::Run::run([qw(promtool check metrics)], '<', \$text, '>&', \$said) or return $said || 'promtool fails';
    return $said;
}

# ---- at least once ---------------------------------------------------------------------------------------------------------

create_slot($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [ @listen, qw(--on-poison dead-letter --topics=*) ])->start;
$relay->wait_until_streaming($node);
emit('orders', 7);
emit('small', 2, q{to_json(repeat('x', 5000))::text});
emit('few', 1, q{to_json(repeat(md5('x'), 100))::text});
ok(wait_for_confirmation($node), 'events of three topics, one of which Kafka refuses');
wait_until { (metrics($relay)->{'events_delivered_total{topic="orders"}'} // 0) == 7 } 'counted';
my $seen = metrics($relay);
is($seen->{'events_delivered_total{topic="small"}'}, 2, 'a topic has its own count,');
is($seen->{'events_delivered_total{topic="other"}'}, 0, 'and there are no others');
cmp_ok($seen->{'bytes_delivered_total{topic="small"}'}, '>', 10_000, 'bytes, too');
cmp_ok($seen->{'bytes_delivered_total{topic="orders"}'}, '<', 10_000, 'each topic its own');
is($seen->{'events_set_aside_total{topic="few",reason="MSG_SIZE_TOO_LARGE"}'}, 1, 'an event that was set aside, with the reason')
  or diag join "\n", grep { /set_aside|errors/ } sort keys %$seen;
cmp_ok($seen->{'delivery_errors_total{code="MSG_SIZE_TOO_LARGE"}'} // 0, '>=', 1, 'Kafka\'s error has its name');
is($seen->{'info{version="' . ($relay->log =~ /outbox-relay (\d+\.\d+\.\d+)/)[0] . '",slot="outbox",delivery="at least once",topics="*"}'}, 1, 'what runs')
  or diag join "\n", grep { /^info/ } keys %$seen;
cmp_ok($seen->{commit_to_ack_seconds_count}, '>=', 3, 'from commit to acknowledgement, of each chunk');
is($seen->{'commit_to_ack_seconds_bucket{le="60"}'}, $seen->{commit_to_ack_seconds_count}, 'none took a minute');
cmp_ok($seen->{commit_to_ack_seconds_sum}, '>', 0, 'but some time');
cmp_ok(abs($seen->{last_delivery_timestamp_seconds} - time), '<', 60, 'when the last event was delivered');
cmp_ok(abs($seen->{last_confirmed_timestamp_seconds} - time), '<', 60, 'and confirmed');
cmp_ok($seen->{process_resident_memory_bytes}, '>', 5_000_000, 'the process has memory');
cmp_ok($seen->{process_resident_memory_bytes}, '<', 500_000_000, 'not too much');
cmp_ok($seen->{process_cpu_seconds_total}, '>', 0, 'used time,');
cmp_ok(abs($seen->{process_start_time_seconds} - $seen->{start_time_seconds}), '<', 3, 'and began when it says');
cmp_ok($seen->{process_open_fds}, '>', 5, 'descriptors');
cmp_ok($seen->{process_max_fds}, '>', $seen->{process_open_fds}, 'below their limit');
wait_until { exists metrics($relay)->{'kafka_round_trip_seconds{broker="1",quantile="0.5"}'} } 'librdkafka says how it is', 40;
$seen = metrics($relay);
cmp_ok($seen->{'kafka_round_trip_seconds_count{broker="1"}'}, '>=', 1, 'requests were answered');
cmp_ok($seen->{'kafka_round_trip_seconds{broker="1",quantile="0.99"}'}, '<', 60, 'within a time');
is($seen->{'kafka_throttle_seconds{broker="1"}'}, 0, 'and nobody was told to wait');
is($seen->{kafka_queue_events}, 0, 'nothing is queued');
is(complaints($relay), '', 'promtool has nothing to complain about');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'outbox'});
wait_until { grep { /^reconnects_total\{peer="postgres",reason="57P01"\}/ } keys %{ metrics($relay) } } 'a stream that the server ended';
is(metrics($relay)->{sessions_lost_total}, 1, 'is a lost session');
is($relay->terminate, 0, 'it ends in good order');

# ---- exactly once --------------------------------------------------------------------------------------------------------

my ($code) = Outbox::Relay::set_up_exactly_once($node, $kafka, qw(--slot outbox_exactly));
is($code, 0, 'set up');
my $exactly = Outbox::Relay->new($node, name => 'exactly', kafka => $kafka, args => [ @listen, qw(--delivery exactly-once --slot outbox_exactly) ])->start;
$exactly->wait_for_log(qr/exactly once from/);
emit("many.$_", $_) for 1 .. 8;
ok(wait_for_confirmation($node, 'outbox_exactly'), 'events exactly once');
wait_until { (metrics($exactly)->{'events_delivered_total{topic="many.8"}'} // 0) == 8 } 'counted once they are committed';
$seen = metrics($exactly);
is($seen->{"events_delivered_total{topic=\"many.$_\"}"}, $_, "topic $_") for 1 .. 8;
cmp_ok($seen->{'kafka_transactions_total{result="committed"}'}, '>=', 1, 'Kafka transactions are counted');
is(complaints($exactly), '', 'promtool has nothing to complain about');
is($exactly->terminate, 0, 'it ends in good order');

# ---- standard output -----------------------------------------------------------------------------------------------------

my $printing = Outbox::Relay->new($node, name => 'printing', args => \@listen)->start;
$printing->wait_until_streaming($node);
emit('orders', 3);
wait_until { metrics($printing)->{'events_delivered_total{topic="other"}'} == 39 } 'what is printed is counted, without its topic, from where the slot stood';
is(complaints($printing), '', 'promtool has nothing to complain about');
is($printing->terminate, 0, 'it ends in good order');

done_testing();
