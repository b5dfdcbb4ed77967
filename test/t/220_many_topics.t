# More topics than the relay looks up one by one, in a stream that has events of each in turn: no topic waits for another, each gets its events once
# and in order, and the relay's memory is bounded.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use Test::More;

my ($topics, $rounds) = (1200, 3);

my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topics('many.', $topics, 1);
my $emit = "outbox.emit('many.' || n % $topics, 'k', to_json(n / $topics))";
$node->safe_psql('postgres', "SELECT count($emit) FROM generate_series(0, $rounds * $topics - 1) AS n");

my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
ok(wait_for_confirmation($node), 'everything is confirmed') or diag $relay->log;
my %end = map { /^(\S+)\/0 (\d+)$/ ? ($1 => $2) : () } split /\n/, $kafka->ends(map { "many.$_" } 0 .. $topics - 1);
is(scalar keys %end, $topics, 'every topic was looked at');
is_deeply([ grep { $end{$_} != $rounds } sort keys %end ], [], 'and has its events, each once');
my @some = ('many.0', 'many.777', 'many.' . ($topics - 1));
my %values;
push @{ $values{ $_->{topic} } }, $_->{value} for $kafka->consume(@some);
is_deeply([ @values{@some} ], [ ([ 0 .. $rounds - 1 ]) x @some ], 'in order');
unlike($relay->log, qr/waiting for topic/, 'no topic was waited for');
cmp_ok($relay->peak_memory_kb, '<', Outbox::Relay::memory_limit_kb(128 << 10), 'memory is bounded');

# The relay also finds a topic that is created later, and one that is created while its event waits.
$kafka->create_topic('late');
$node->safe_psql('postgres', "SELECT outbox.emit('late', 'k', '1'), outbox.emit('later', 'k', '1'), outbox.emit('many.5', 'k', '3')");
$relay->wait_for_log(qr/waiting for topic "later"/);
$kafka->create_topic('later');
ok(wait_for_confirmation($node), 'topics that were made later are found') or diag $relay->log;
is(scalar($kafka->consume('late', 'later')), 2, 'and get their events');
is($relay->terminate, 0, 'the relay ends well');

done_testing;
