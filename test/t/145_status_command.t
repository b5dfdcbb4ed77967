# `outbox-relay status` shows how the delivery stands: without a relay what the server knows, with a relay also what the relay knows; with colours and
# a bar on a terminal only.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP ();
use Outbox::Node;
use Outbox::Process qw(slowness slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "fsync = off\n");
$node->safe_psql('postgres', 'GRANT pg_monitor TO relay');
my @dsn = ('--dsn', $node->connstr('postgres') . ' user=relay');
my $listen = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
sub status { my ($code, $out, $err) = Outbox::Relay::call('status', @dsn, @_); is($code, 0, "status @_") or diag $err; return $out }
sub object { return JSON::PP::decode_json(status('--json', @_)) }

my ($code, undef, $err) = Outbox::Relay::call('status', @dsn);
is($code, 3, 'without a slot: exit code 3');
like($err, qr/slot "outbox" does not exist on this server: .*outbox-relay setup --slot outbox/, 'and says so');

create_slot($node);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', i, '{}') FROM generate_series(1, 1000) AS i});
my $out = status();
like($out, qr/\Aoutbox  no relay   postgres@.* timeline 1   extension (?:1\.1|none, emit in SQL)$/m, 'without a relay: who, where, which version');
like($out, qr/^  backlog    \d+(?:\.\d)? [kM]?B$/m, 'what waits');
like($out, qr/^  slot       reserved   no limit/m, 'how the slot is');
like($out, qr/^  note       no relay reads from the slot/m, 'and what is wrong');
unlike($out, qr/\033/, 'no colours where it is no terminal');
my $object = object();
cmp_ok($object->{backlog_bytes}, '>', 10_000, 'as JSON, with units in the names');
is($object->{state}, 'no relay', 'the same state');
is($object->{lag_seconds}, undef, 'what is not known is null');

my $relay = Outbox::Relay->new($node, args => [ '--listen', $listen ])->start;
wait_for_confirmation($node);
wait_until { $object = object('--listen', $listen); $object->{backlog_bytes} == 0 } 'something waits'; # the server writes a few bytes now and then
is($object->{state}, 'streaming', 'with a relay: its state,');
is($object->{backlog_bytes}, 0, 'nothing waits');
cmp_ok($object->{lag_seconds}, '<', 5 * slowness(), 'its lag');
is($object->{events_delivered}, 1000, 'what it has delivered,');
is($object->{delivery}, 'standard output', 'and where to');
cmp_ok($object->{commit_to_ack_p50_seconds} // 0, '>', 0, 'how long that took') or diag explain $object;
cmp_ok($object->{disk_free_bytes} // 0, '>', 0, 'and how much room there is on this machine');
like(status('--listen', $listen), qr/^  delivered  1000 events .* commit to Kafka p50 \S+ m?s, p99 \S+ m?s$/m, 'on the screen, too');
is($object->{reader_pid}, slot($node, 'active_pid'), 'and who reads');
$object = object('--listen', '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port());
like($object->{relay_problem}, qr/refused/i, 'a relay that does not answer is no failure of the screen');

# An operator has left outbox.missing_slot at ignore.
$node->safe_psql('postgres', q{LOAD 'outbox'; ALTER DATABASE postgres SET outbox.missing_slot = 'ignore'});
like(status(), qr/^  note       outbox\.missing_slot=ignore: a transaction commits without its event/m, 'a forgotten switch is on the screen');

# --watch repeats the screen until a signal.
my $file = PostgreSQL::Test::Utils::tempdir('status') . '/out';
my $watch = Outbox::Process->spawn(name => 'watch', command => [ $ENV{OUTBOX_RELAY}, 'status', @dsn, '--watch', '--json' ], stdout => $file, stderr => '/dev/null');
wait_until { scalar(() = slurp($file) =~ /\n/g) >= 2 } '--watch looks once only';
$watch->signal('TERM');
is($watch->wait_for_exit(10), 0, 'a signal ends --watch, with 0');
is_deeply([ grep { !eval { JSON::PP::decode_json($_) } } split /\n/, slurp($file) ], [], 'a line an object');

# The slot of another database, or of another program, says nothing of this database's events.
$node->safe_psql('postgres', 'CREATE DATABASE other');
my ($status, undef, $text) = Outbox::Relay::call('status', '--dsn', $node->connstr('other') . ' user=relay');
is($status, 3, 'a slot of another database');
like($text, qr/slot "outbox" belongs to database "postgres"/, 'and says so');

# On a terminal the screen has colours.
sub on_terminal {
    my (%environment) = @_;
    local %ENV = (%ENV, TERM => 'xterm', %environment);
    my $program = $ENV{OUTBOX_RELAY};
    delete @ENV{ grep { /^OUTBOX_/ } keys %ENV };
    my $said = '';
    IPC::Run::run([ $program, 'status', @dsn, '--listen', $listen ], '<pty<', \'', '>pty>', \$said);
    return $said;
}
SKIP: {
    skip 'no IO::Pty', 2 if !eval { require IO::Pty; 1 };
    like(on_terminal(), qr/\033\[32mstreaming\033\[0m/, 'on a terminal: colours');
    unlike(on_terminal(NO_COLOR => 1), qr/\033/, 'but not with NO_COLOR');
}
is($relay->terminate, 0, 'the relay ends');

done_testing();
