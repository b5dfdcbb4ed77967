# CALL outbox.wait_delivered() waits for a relay that does not run yet, holds no snapshot while it waits, and can be cancelled.
use strict;
use warnings;

use IPC::Run;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('waiting');
create_slot($node);

# Starts a session that emits and waits; its output is in ${$session->{out}}.
sub session {
    my ($call) = @_;
    my %session = (out => '');
    my @commands = map { ('-c', $_) } q{SELECT FROM outbox.emit('t', 'k', '{}')}, "CALL outbox.wait_delivered($call)", '\echo delivered';
    $session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), @commands ], '<', \undef, '>', \$session{out}, '2>', \$session{out}, IPC::Run::timeout(120));
    ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL outbox.wait_delivered%' AND state = 'active' AND wait_event = 'Extension'}),
        "$call: it waits");
    return \%session;
}

my $session = session(q{timeout => '100 s'});
is($node->safe_psql('postgres', q{SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE query LIKE 'CALL outbox.wait_delivered%' AND pid <> pg_backend_pid()}),
    't', 'without a snapshot, and without a transaction number');
my $relay = Outbox::Relay->new($node)->start;
$session->{run}->finish;
is($session->{out}, "delivered\n", 'a relay delivers, and the call returns');
is(scalar(grep { /^\{"topic"/ } $relay->output), 1, 'after the event');
is($node->safe_psql('postgres', q{CALL outbox.wait_delivered(timeout => '100 s')}), '', 'where everything is delivered it returns as well');
$relay->terminate;

$session = session(q{pg_current_wal_insert_lsn(), '100 s'});
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL outbox.wait_delivered%' AND pid <> pg_backend_pid()});
$session->{run}->finish;
like($session->{out}, qr/canceling statement due to user request/, 'a cancel ends it at once');

# Dropping the slot ends the wait, too.
$session = session(q{timeout => '100 s'});
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});
$session->{run}->finish;
like($session->{out}, qr/no replication slot can deliver the event/, 'and so does the loss of the slot');

$node->stop;
done_testing();
