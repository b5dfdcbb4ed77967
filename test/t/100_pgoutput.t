# A relay on a slot of pgoutput, for servers that take no library: both deliveries, through kills of the relay and changes of the plugin. No event is
# lost, and exactly once none comes twice; rolled back messages, and messages that emit has not written, are no events.
# Takes long.
use strict;
use warnings;

use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

random_seed();
my $without_check = "outbox.missing_slot = 'ignore'\n";    # emit of the extension knows the extension's slots

# A copy of a slot keeps the slot's position, and may have another plugin.
sub change_plugin {
    my ($node, $plugin) = @_;
    $node->poll_query_until('postgres', q{SELECT active_pid IS NULL FROM pg_replication_slots WHERE slot_name = 'outbox'});
    $node->safe_psql('postgres', $_)
        for "SELECT pg_copy_logical_replication_slot('outbox', 'outbox_copy', false, '$plugin')",
        q{SELECT pg_drop_replication_slot('outbox')}, q{SELECT pg_copy_logical_replication_slot('outbox_copy', 'outbox')},
        q{SELECT pg_drop_replication_slot('outbox_copy')};
    is(slot($node, 'plugin'), $plugin, "the slot is of $plugin");
    return;
}

for my $delivery (qw(at-least-once exactly-once)) {
    my $name = $delivery =~ tr/-/_/r;
    my $node = outbox_node($name, conf => $without_check);
    my $kafka = Outbox::Kafka->new->start;
    $kafka->create_topic($_, 3) for Outbox::Workload->topics, 'large';
    $node->safe_psql('postgres', 'CREATE PUBLICATION outbox');
    my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', $delivery);
    is($code, 0, "$delivery: setup") or diag $err;
    change_plugin($node, 'pgoutput');

    my $workload = Outbox::Workload->new($node);
    my $relay = Outbox::Relay->new($node, name => $name, kafka => $kafka, args => [ '--delivery', $delivery ]);
    for my $plugin (qw(pgoutput outbox pgoutput)) {
        change_plugin($node, $plugin) if slot($node, 'plugin') ne $plugin;
        for my $round (1 .. 3) {
            $workload->start(2, 2_000) if !$workload->running;
            my $before = slot($node, 'confirmed_flush_lsn');
            $relay->start;
            wait_until { slot($node, 'confirmed_flush_lsn') ne $before } 'the relay confirms' if $round > 1;
            sleep rand 0.5;
            is($relay->kill_nine, 'signal 9', "$delivery, $plugin: kill $round hit a running relay");
        }
    }
    $workload->stop;
    $relay->start;
    ok(wait_for_confirmation($node), "$delivery: everything is confirmed in the end") or diag $relay->log;
    is($relay->terminate, 0, "$delivery: the relay ends in good order");
    history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$delivery: the history",
        duplicates => $delivery eq 'exactly-once' ? 'none' : 'replays');
    next if $delivery eq 'at-least-once';

    # A transaction that does not fit into memory becomes several Kafka transactions. The other plugin goes on in the middle of that transaction.
    my $large = Outbox::Relay->new($node, name => 'large', kafka => $kafka, args => [ qw(--delivery exactly-once --max-in-flight-bytes 65536) ]);
    my $events = 40000;
    for my $plugin (qw(outbox pgoutput)) {
        my ($at_start) = scalar(my @there = $kafka->consume('large'));
        $node->safe_psql('postgres', "SELECT count(outbox.emit('large', n::text, to_json(repeat('x', 300)))) FROM generate_series(1, $events) n");
        $large->start;
        wait_until { my @now = $kafka->consume('large'); @now > $at_start } "$plugin: a part of the transaction is in Kafka", 60;
        $large->kill_nine;
        my $part = (my @part = $kafka->consume('large')) - $at_start;
        cmp_ok($part, '<', $events, "only a part, $part events, before the plugin changes to $plugin");
        change_plugin($node, $plugin);
        $large->start;
        ok(wait_for_confirmation($node), "the rest by way of $plugin") or diag $large->log;
        is($large->terminate, 0, 'ends in good order');
        my @keys = map { $_->{key} } $kafka->consume('large');
        is(@keys - $at_start, $events, 'every event of it once');
    }
    my %times;
    $times{ (grep { $_->[0] eq 'id' } @{ $_->{headers} })[0][1] }++ for $kafka->consume('large');
    is_deeply([ grep { $_ != 1 } values %times ], [], 'and none of them twice');
    $kafka->stop;
    $node->stop;
}

# Which messages are events.
my $node = outbox_node('content', conf => $without_check);
$node->safe_psql('postgres', 'CREATE TABLE rows(id int PRIMARY KEY, t text); CREATE PUBLICATION outbox FOR TABLE rows');
create_slot($node, $_, 'pgoutput') for qw(outbox outbox_some subscription);
my $relay = Outbox::Relay->new($node)->start;
my $some = Outbox::Relay->new($node, name => 'some', args => [ qw(--slot outbox_some --topics), 'orders,pay*' ])->start;
my $valid = q('{"topic":"orders","key":"k","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":1}');
$node->safe_psql('postgres', $_) for (
    q{BEGIN; SELECT outbox.emit('orders', 'k', '"rolled back"'::text); ROLLBACK},
    q{BEGIN; SELECT outbox.emit('orders', 'k', '1'); SAVEPOINT s; SELECT outbox.emit('orders', 'k', '"undone"'::text); INSERT INTO rows VALUES (0);
        ROLLBACK TO s; SELECT outbox.emit('payments', 'k', '2'); COMMIT},
    "SELECT pg_logical_emit_message(false, 'outbox', $valid)",
    "SELECT pg_logical_emit_message(true, 'outbox2', $valid)",
    q{INSERT INTO rows SELECT n, repeat('row', 100) FROM generate_series(1, 1000) n},
    q{BEGIN; INSERT INTO rows VALUES (2000); SELECT outbox.emit('other', 'k', '3'); UPDATE rows SET t = ''; DELETE FROM rows; COMMIT; TRUNCATE rows},
    q{SELECT pg_logical_emit_message(true, 'outbox', 'secret-forged')},
    q{BEGIN; SELECT pg_logical_emit_message(true, 'outbox', '{"topic":"orders","secret":1}'); SELECT outbox.emit('orders', 'k', '4'); COMMIT},
    q{BEGIN; SELECT outbox.emit('orders', NULL, '\x00ff'::bytea); SELECT outbox.emit('orders', 'gone', NULL::text); COMMIT});
ok(wait_for_confirmation($node, $_), "everything is confirmed in slot $_") for qw(outbox outbox_some);
is($_->terminate, 0, 'the relay ends in good order') for $relay, $some;
my @payloads = map { /"payload(?:_base64)?":"?(.*?)"?\}$/ ? $1 : 'tombstone' } $relay->output;
is_deeply(\@payloads, [qw(1 2 3 4 AP8= tombstone)], 'what was committed by emit is delivered, in order, and nothing else');
is_deeply([ map { /"payload(?:_base64)?":"?(.*?)"?\}$/ ? $1 : 'tombstone' } $some->output ], [qw(1 2 4 AP8= tombstone)], 'or only the topics that were asked for');
like($relay->whole_log, qr/skipped a message at [0-9A-F]+\/[0-9A-F]+ that is no event: not an envelope/, 'a forged message is named');
unlike($relay->whole_log, qr/secret|forged/, 'without its content');

# Slots of subscriptions, and a missing publication.
my ($code, undef, $err) = Outbox::Relay::call('run', '--stdout', '--slot', 'subscription', '--takeover', '--dsn', $node->connstr('postgres'));
is($code, 4, 'a slot that could be a subscription\'s is left alone');
like($err, qr/could be a subscription's.*begin with "outbox"/, 'and the relay says why');
$node->safe_psql('postgres', 'DROP PUBLICATION outbox');
($code, undef, $err) = Outbox::Relay::call('run', '--stdout', '--dsn', $node->connstr('postgres'));
is($code, 4, 'without the publication the relay does not start');
like($err, qr/CREATE PUBLICATION outbox/, 'and says how to make it');

# In a database whose encoding has no conversion for some texts, any role can write a prefix that cannot be converted. Decoding goes on.
$node->safe_psql('postgres', q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('bytes', 'CREATE EXTENSION outbox; CREATE PUBLICATION outbox');
$node->safe_psql('bytes', q{SELECT pg_create_logical_replication_slot('outbox_bytes', 'pgoutput')});
$node->safe_psql('bytes', q{SELECT pg_logical_emit_message(true, E'\xff\xfe', 'x'); SELECT outbox.emit('orders', 'k', '5')});
my $bytes = Outbox::Relay->new($node, name => 'bytes', dsn => $node->connstr('bytes'), args => [qw(--slot outbox_bytes)])->start;
ok(wait_for_confirmation($node, 'outbox_bytes'), 'a prefix that is no UTF-8 keeps nothing up') or diag $bytes->log;
is($bytes->terminate, 0, 'the relay ends in good order');
is(scalar $bytes->output, 1, 'the event behind it is delivered');

done_testing();
