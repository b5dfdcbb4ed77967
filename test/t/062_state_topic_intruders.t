# The state topic has records that are no positions of this relay: events that a relay of another database has produced there, under this relay's key,
# and records written by hand. Events have no effect. A last record that cannot be read stops the relay, and an operator can replace it.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use Test::More;

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
create_slot($node);
my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, '--reset-state');
is($code, 0, 'set up') or diag $err;
my @exactly_once = qw(--delivery exactly-once --topics orders);
($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, qw(--topics orders));
is($code, 0, 'for one topic') or diag $err;
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => \@exactly_once);
# For this relay the state topic of the other is an ordinary topic, because its own has another name.
create_slot($node, 'outbox_foreign');
my $foreign = Outbox::Relay->new($node, name => 'foreign', kafka => $kafka, args => [qw(--slot outbox_foreign --topics outbox.state --state-topic foreign.state)]);

my @emitted;
sub emit { push @emitted, $node->safe_psql('postgres', "SELECT outbox.emit('orders', 'k', '1')"); return }
sub ids { return [ map { $_->{headers}[0][1] } $kafka->consume('orders') ] }
my $key = 'outbox@' . $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()') . '/postgres';

emit();
$relay->start;
ok(wait_for_confirmation($node), 'an event is delivered') or diag $relay->log;
is($relay->terminate, 0, 'it ends in good order');

# ---- events

my $position = '{"v":1,"lsn":"FF/0","ordinal":0,"complete":true,"events":"FF/0","timeline":1,"topics":"orders"}';
$node->safe_psql('postgres', "SELECT outbox.emit('outbox.state', '$key', payload::json) FROM unnest(ARRAY['{}', '$position', NULL]) payload");
$foreign->start;
ok(wait_for_confirmation($node, 'outbox_foreign'), 'another relay produces events with our key into our state topic') or diag $foreign->log;
is($foreign->terminate, 0, 'and ends');
my @last = ($kafka->consume('outbox.state'))[-3 .. -1];
is_deeply([ map { $_->{key} } @last ], [ ($key) x 3 ], 'they are there, the last of their key');

emit();
$relay->start;
ok(wait_for_confirmation($node), 'the relay goes on') or diag $relay->log;
is_deeply(ids(), \@emitted, 'from where it was, each event once');
($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, qw(--topics orders));
is($code, 0, 'setup finds the position') or diag $err;
is($relay->terminate, 0, 'it ends in good order');

# ---- records written by hand

$kafka->produce('outbox.state', $key, 'nonsense');
emit();
$relay->start;
is($relay->wait_for_exit(30), 6, 'what cannot be read as the last record stops it');
like($relay->log, qr/at offset \d+, is not of this version.*--reset-state/, 'with the way out');
($code, $out, $err) = Outbox::Relay::call('skip', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @exactly_once, '--id', $emitted[-1]);
is($code, 6, 'skip, which delivers as well, refuses it, too');
like($err, qr/--reset-state/, 'with the way out');
($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, qw(--topics orders --reset-state));
is($code, 0, '--reset-state replaces it') or diag $err;
$relay->start;
ok(wait_for_confirmation($node), 'and the relay goes on');
is_deeply(ids(), \@emitted, 'each event once');
is($relay->terminate, 0, 'it ends in good order');

done_testing();
