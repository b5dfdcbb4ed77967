# A relay of 1.1 reads the plugin of 1.0, as after an upgrade of the relay alone: the stream starts, and transactions share messages as in 1.0.
# 022_gather.t has the opposite case, in which a relay of 1.0 asks this plugin for gather=on.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use Test::More;

my $build = $ENV{OUTBOX_BUILD};
my $node = outbox_node('versions', conf => "dynamic_library_path = '$build/plugin-1.0:\$libdir'\n");
create_slot($node);
my (undef, undef, $error) = $node->psql('postgres', q{SELECT pg_logical_slot_peek_changes('outbox', NULL, NULL, 'gather', 'ahead')});
like($error, qr/invalid value for option "gather".*Expected a boolean/s, 'the plugin of 1.0 does not know the word');

my $relay = Outbox::Relay->new($node)->start;
$relay->wait_until_streaming($node);
$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 500 LOOP PERFORM outbox.emit('t', i, '{}'); COMMIT; END LOOP; END $$});
ok(wait_for_confirmation($node), 'the relay delivers what it sends');
is($relay->terminate, 0, 'and ends in good order');
is(scalar(grep { /^\{"topic"/ } $relay->output), 500, 'every event once');
unlike($relay->log, qr/invalid value|different versions/, 'and has nothing to complain of');

done_testing();
