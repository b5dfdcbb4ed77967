# Which signal counts: two signals that arrive together count as one, and a signal that comes while the relay stops for a refused event does not
# change the exit code.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(metrics);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);

sub is_asleep { my ($relay) = @_; return Outbox::Process::slurp('/proc/' . $relay->pid . '/stat') =~ /\) T / }

# Both signals are pending when the relay reads them.
sub two_at_once {
    my ($relay) = @_;
    $relay->signal('STOP');
    wait_until { is_asleep($relay) } 'it is stopped';
    $relay->signal($_) for qw(TERM INT);
    $relay->signal('CONT');
    return;
}

my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--shutdown-grace-ms 20000 --listen 127.0.0.1:0)])->start;
$relay->wait_until_streaming($node);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
ok(wait_for_confirmation($node), 'the topic is known');
$kafka->pause;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2') FROM generate_series(1, 3)});
wait_until { metrics($relay)->{in_flight_bytes} > 0 } 'the events are in flight';
two_at_once($relay);
$relay->wait_for_log(qr/stopping: waiting up to 20000 ms for 3 events in flight, the last of topic "orders"/);
$kafka->resume;
is($relay->wait_for_exit(30), 0, 'two signals that arrive together: it delivers what is in flight');
ok(wait_for_confirmation($node), 'and confirms it');
like($relay->log, qr/ stopped$/m, 'and says that it is done');

# librdkafka refuses the large event by itself, while the event before is on its way to a broker that does not answer. The relay stops when that event
# is delivered. test/unit/ending_test.cpp has the exit code after a signal in between.
$relay = Outbox::Relay->new($node, name => 'refusing', kafka => $kafka, args => [qw(--shutdown-grace-ms 3000 -X message.max.bytes=2000 -X batch.size=1000)])->start;
$relay->wait_until_streaming($node);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '4')});
ok(wait_for_confirmation($node), 'the topic is known');
$kafka->pause;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '5')});
my $before = current_lsn($node);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', to_json(repeat('x', 10000))::text)});
$kafka->resume;
is($relay->wait_for_exit(60), 8, 'a refused event behind one that is on its way: the exit status tells of it');
is(slot($node, "confirmed_flush_lsn >= '$before'"), 't', 'and what came before it is confirmed');

done_testing();
