# `outbox-relay drain` returns when a running relay has delivered everything that was committed before, and not earlier. drain has an exit code
# of its own when its time has passed.
use strict;
use warnings;

use JSON::PP ();
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "fsync = off\n");
my @dsn = ('--dsn', $node->connstr('postgres') . ' user=relay');
my $folder = PostgreSQL::Test::Utils::tempdir('drain');
sub emit { return $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}') FROM generate_series(1, 100)}) }
sub begin_drain { return Outbox::Process->spawn(name => 'drain', command => [ $ENV{OUTBOX_RELAY}, 'drain', @dsn, @_ ], stdout => "$folder/out", stderr => "$folder/err") }

my ($code, $out, $err) = Outbox::Relay::call('drain', @dsn);
is($code, 3, 'without a slot: exit code 3');
like($err, qr/slot "outbox" does not exist on this server: .*outbox-relay setup --slot outbox/, 'and says so');

create_slot($node);
emit();
($code, $out, $err) = Outbox::Relay::call('drain', @dsn, qw(--timeout 1 --json));
is($code, 11, 'nobody delivers: exit code 11 after --timeout');
like($err, qr/the timeout is over; \d+ bytes of WAL before [0-9A-F]+\/[0-9A-F]+ are not delivered: no relay reads from slot "outbox"/, 'and what it waited for');
my $report = JSON::PP::decode_json($out);
ok(!$report->{drained} && $report->{left_bytes} > 0, 'as JSON, too') or diag $out;

my $drain = begin_drain();
wait_until { slurp("$folder/err") =~ /no relay reads/ } 'drain does not say what it waits for';
ok($drain->alive, 'it waits');
my $relay = Outbox::Relay->new($node)->start;
is($drain->wait_for_exit(60), 0, 'until a relay has delivered');
like(slurp("$folder/out"), qr/^everything before .* is delivered$/m, 'and says so');
is(scalar(grep { /"topic":"orders"/ } $relay->output), 100, 'all events are there');

# With a relay that delivers, on an idle server, and with a WAL position at the beginning of a page or a segment.
for my $case ([ 'an idle server', '' ], [ 'a new segment', 'SELECT pg_switch_wal()' ], [ 'a commit without a flush', q{SET synchronous_commit = off; SELECT outbox.emit('orders', 2, '{}')} ]) {
    $node->safe_psql('postgres', $case->[1]) if $case->[1];
    ($code, $out, $err) = Outbox::Relay::call('drain', @dsn, qw(--timeout 9));
    is($code, 0, $case->[0]) or diag $err;
}
ok((grep { /"key":2[,}]|"key":"2"/ } $relay->output), 'its event is there');

# --until with a position, and with a position that is not written yet.
($code) = Outbox::Relay::call('drain', @dsn, '--until', slot($node, 'confirmed_flush_lsn'));
is($code, 0, 'a position that is confirmed');
($code) = Outbox::Relay::call('drain', @dsn, qw(--until FFFFFFFF/0 --timeout 1));
is($code, 11, 'one that nobody has written');
($code, $out, $err) = Outbox::Relay::call('drain', @dsn, qw(--until yesterday));
is($code, 2, 'no position at all: exit code 2');
like($err, qr/--until.*expected now, or an LSN/, 'and says what it expected');

# Signals end drain, and so does a dropped slot.
$relay->terminate;
emit();
$drain = begin_drain();
$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'outbox-relay' OR query LIKE '%pg_replication_slots%' AND pid <> pg_backend_pid()});
$drain->signal('TERM');
is($drain->wait_for_exit(10), 143, 'SIGTERM ends it with 143');
$drain = begin_drain();
wait_until { slurp("$folder/err") =~ /no relay reads.*no relay reads/s } 'drain does not wait';
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});
is($drain->wait_for_exit(10), 3, 'a slot that is dropped meanwhile: exit code 3');

done_testing();
