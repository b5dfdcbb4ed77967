# A slot has one reader. A second relay waits for the slot, logs this once, and takes over as soon as the first relay has gone.
use strict;
use warnings;

use JSON::PP ();
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = outbox_node('main', conf => "wal_sender_timeout = 2s\n");
create_slot($node);
my $first = Outbox::Relay->new($node, name => 'first')->start;
$first->wait_until_streaming($node);
my $second = Outbox::Relay->new($node, name => 'second', args => [qw(--log-format json)])->start;
$second->wait_for_log(qr/active/);

# By now the second relay has asked the server several times.
my $asked = sub { () = PostgreSQL::Test::Utils::slurp_file($node->logfile) =~ /replication slot "outbox" is active/g };
wait_until { $asked->() >= 3 } 'it asks again';
is($second->count_log(qr/active/), 1, 'it said so once') or diag $second->log;
ok($second->alive, 'and waits');

my $before = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
ok(wait_for_confirmation($node), 'the first one delivers');
$first->kill_nine;
my $after = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2')});
my $start = time;
ok(wait_for_confirmation($node), 'the second one takes over');
cmp_ok(time - $start, '<', 15, 'within the longest pause between two attempts');
my @events = map { /"id":"([^"]+)"/ } $second->output;
is($events[-1], $after, 'and delivers what came since');

# A frozen relay holds the slot until wal_sender_timeout; awake again, this relay waits.
my $third = Outbox::Relay->new($node, name => 'third')->start;
$third->wait_for_log(qr/active/);
$second->signal('STOP');
my $last = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '3')});
ok(wait_for_confirmation($node), 'a third one takes over from a frozen one');
like(join("\n", $third->output), qr/"id":"$last"/, 'and delivers');
$second->signal('CONT');
ok($second->wait_for_log(qr/active/), 'the thawed one waits in its turn');
is($second->terminate, 0, 'it ends in good order');
is($third->terminate, 0, 'so does the other');
my @lines = split /\n/, $second->whole_log;
is(scalar(grep { ref eq 'HASH' && $_->{level} && defined $_->{message} } map { eval { JSON::PP::decode_json($_) } } @lines),
    scalar @lines, 'with --log-format json every line of the log is an object');

done_testing();
