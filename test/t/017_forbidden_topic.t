# The relay may not write to a topic: the relay waits, logs this once, and goes on when it may.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Test::More;

my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new(acls => 1)->start;
$kafka->create_topic($_) for qw(open secret);
$kafka->reserve_topic('secret', 'somebody');
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;

my @ids = map { $node->safe_psql('postgres', "SELECT outbox.emit('$_', 'k', '1')") } qw(secret open);
ok($relay->wait_for_log(qr/secret.*authorization/i), 'the relay says which topic is forbidden');
ok($relay->alive, 'and stays up');
is(slot($node, 'confirmed_flush_lsn < pg_current_wal_lsn()'), 't', 'nothing is confirmed');
is(scalar $kafka->consume('open'), 0, 'nothing overtakes the event that waits');

$kafka->free_topic('secret', 'somebody');
ok(wait_for_confirmation($node), 'everything is confirmed once the topic is allowed');
is_deeply([ map { $_->{headers}[0][1] } $kafka->consume('secret'), $kafka->consume('open') ], \@ids, 'each event is there, once');
is($relay->count_log(qr/authorization/i), 1, 'the relay said so once') or diag $relay->log;
is($relay->terminate, 0, 'and ends in good order');

done_testing();
