# How long a role with the rights of PUBLIC can hold up the events of all others, for each kind of hostile transaction. docs/hostile-roles.md has the
# figures.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $patience_s = 60;    # on a busy machine
my $scale = $ENV{BENCH_SCALE} // 1;
my $node = outbox_node('main', conf => "wal_sender_timeout = 20s\n");
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_) for qw(orders outbox.dead-letter);
$kafka->create_topic('outbox.state', 1, 'cleanup.policy=compact');

# Forges an event; the arguments are SQL.
sub forge {
    my (%part) = @_;
    my $payload = $part{payload} // q{'1'};
    my $key = $part{key} // q{'k'};
    my $headers = $part{header} ? qq{',"headers":{"h":"' || $part{header} || '"}'} : q{''};
    return sprintf q{pg_logical_emit_message(true, 'outbox', '{"topic":"%s","key":"' || %s || '","id":"01930000-0000-7000-8000-' || lpad(to_hex(%s), 12, '0') || '"' || %s || ',"payload":' || %s || '}')},
        $part{topic} // 'orders', $key, $part{number} // 0, $headers, $payload;
}

# The hostile transactions of the role mallory: name, SQL, number of messages.
my @means = (
    [ 'foreign messages in a transaction', q{SELECT count(pg_logical_emit_message(true, 'x', 'y')) FROM generate_series(1, %d)}, 300_000 ],
    [ 'foreign messages outside of one', q{SELECT count(pg_logical_emit_message(false, 'x', 'y')) FROM generate_series(1, %d)}, 300_000 ],
    [ 'messages under our prefix that are no events', q{SELECT count(pg_logical_emit_message(true, 'outbox', 'y')) FROM generate_series(1, %d)}, 100_000 ],
    [ 'events of a topic that is there', 'SELECT count(' . forge(number => 'n') . ') FROM generate_series(1, %d) n', 50_000 ],
    [ 'events too large for Kafka', 'SELECT count(' . forge(payload => q{'"' || repeat('x', 2000000) || '"'}, number => 'n') . ') FROM generate_series(1, %d) n', 10 ],
    [ 'an event of 60 MB', 'SELECT count(' . forge(payload => q{'"' || repeat('x', 60000000) || '"'}, number => 'n') . ') FROM generate_series(1, %d) n', 1 ],
    [ 'keys of 2 MB', 'SELECT count(' . forge(key => q{repeat('x', 2000000)}, number => 'n') . ') FROM generate_series(1, %d) n', 10 ],
    [ 'headers of 2 MB', 'SELECT count(' . forge(header => q{repeat('x', 2000000)}, number => 'n') . ') FROM generate_series(1, %d) n', 10 ],
    [ "events of one of Kafka's own topics", 'SELECT count(' . forge(topic => '__consumer_offsets', number => 'n') . ') FROM generate_series(1, %d) n', 100 ],
    [ 'events of the state topic', 'SELECT count(' . forge(topic => 'outbox.state', number => 'n') . ') FROM generate_series(1, %d) n', 100 ],
);

# Returns the seconds until an event that is committed now is confirmed.
sub held_up_s {
    my ($slot) = @_;
    my $began = time;
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    my $lsn = current_lsn($node);
    wait_until { slot($node, "confirmed_flush_lsn >= '$lsn'", $slot) eq 't' } 'the event is confirmed', 180;
    return time - $began;
}

sub mallory {
    my ($sql) = @_;
    my $began = time;
    $node->safe_psql('postgres', $sql, extra_params => [ '-U', 'mallory' ]);
    return time - $began;
}

for my $delivery (qw(at-least-once exactly-once)) {
    my $slot = $delivery =~ /^(\w+)/ ? "outbox_$1" : die;
    my @kafka = ('--slot', $slot, '--delivery', $delivery);
    my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @kafka);
    is($code, 0, "$delivery: setup") or diag $err;
    my $relay = Outbox::Relay->new($node, name => $slot, kafka => $kafka, args => [ @kafka, qw(--on-poison dead-letter) ])->start;
    held_up_s($slot);
    for my $means (@means) {
        my ($name, $sql, $count) = @$means;
        $count = int($count * $scale) || 1;
        my $work_s = mallory(sprintf $sql, $count);
        my $others_s = held_up_s($slot);
        note sprintf '%s, %s (%d): %.1f s for %.1f s of work', $delivery, $name, $count, $others_s, $work_s;
        cmp_ok($others_s, '<', $patience_s, "$delivery, $name: others wait for a bounded time");
        ok($relay->alive, 'and the relay goes on');
    }

    # Only this kind has no bound: the log names the event, and an operator can skip it.
    mallory('SELECT ' . forge(topic => "nowhere.$slot"));
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    my $lsn = current_lsn($node);
    $relay->wait_for_log(qr/waiting for topic "nowhere\.$slot"/);
    $kafka->create_topic("nowhere.$slot");
    ok(wait_for_confirmation($node, $slot, $lsn), "$delivery, a topic that is not there: named, and once it is created the stream goes on");
    is($relay->terminate, 0, 'the relay ends in good order');
    $node->poll_query_until('postgres', "SELECT active_pid IS NULL FROM pg_replication_slots WHERE slot_name = '$slot'");
    drop_slot($node, $slot);
}

done_testing();
