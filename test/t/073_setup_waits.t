# setup waits for the transactions that are open when it creates the slot: it names them, a signal ends it and leaves nothing behind, and setup and
# emit() treat an unfinished slot neither as ready nor as missing.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{PGAPPNAME};    # sessions are known by their programs' names

my $node = outbox_node('main', bare => 1);
my $folder = PostgreSQL::Test::Utils::tempdir('setup');
my $calls = 0;

# Starts a setup; its output so far is $_[0]->{said}->().
sub start {
    my (@arguments) = @_;
    my $user = @arguments && $arguments[0] !~ /^-/ ? ' user=' . shift @arguments : '';
    my $file = "$folder/" . ++$calls;
    my $process = Outbox::Process->spawn(
        command => [ $ENV{OUTBOX_RELAY}, 'setup', '--dsn', $node->connstr('postgres') . $user, @arguments ],
        name => 'setup', stdout => $file, stderr => $file);
    return ($process, sub { slurp($file) });
}

sub setup { my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @_); return ($code, "$out$err") }
sub slots { return $node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots') }
sub is_waiting { return $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'}) }
sub nothing_is_left { return $node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM pg_replication_slots)
    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'outbox-relay')}) }

my $open = $node->background_psql('postgres', on_error_stop => 0);
$open->query_safe(q{SET application_name = 'month end'});
$open->query_safe('BEGIN');
my $xid = $open->query_safe('SELECT txid_current()');
my $pid = $open->query_safe('SELECT pg_backend_pid()');

my ($process, $said) = start();
ok(is_waiting(), 'setup waits for a transaction');
wait_until { $said->() =~ /waits for PID $pid \(.*application "month end", idle in transaction, for \d+ s\)/ } 'it says for which: ' . $said->();
like($said->(), qr/SELECT pg_terminate_backend\($pid\)/, 'and how to end it');

my ($code, $second) = setup();
is($code, 5, 'a second setup does not take the unfinished slot for one');
like($second, qr/slot "outbox" is unfinished: PID \d+ \(.*application "outbox-relay"/, 'it says who makes the slot,');
like($second, qr/waits for PID $pid \(.*month end/, 'whom that one waits for,');
like($second, qr/let the transaction end, or end it: SELECT pg_terminate_backend\($pid\)/i, 'and how to end the wait');
($code, $second) = setup('--dry-run');
is($code, 5, '--dry-run says so, too');
like($second, qr/unfinished/, 'in the same words');

for my $signal (qw(TERM INT)) {
    ($process, $said) = start() if $signal eq 'INT';
    ok(is_waiting(), 'setup waits');
    $process->signal($signal);
    is($process->wait_for_exit(10), { TERM => 143, INT => 130 }->{$signal}, "SIG$signal ends it");
    ok(nothing_is_left(), 'neither its session nor a slot is left');
    like($said->(), qr/is not created/, 'and it says so');
}

($process) = start();
ok(is_waiting(), 'setup waits');
$process->kill_nine;
ok(nothing_is_left(), 'a setup that is killed leaves nothing either');

# An administrator creates the slot by hand.
my $by_hand = $node->background_psql('postgres');
$by_hand->query_until(qr/begun/, "\\echo begun\nSELECT pg_create_logical_replication_slot('outbox', 'outbox');\n");
ok(is_waiting(), 'psql makes the slot');
($code, $second) = setup();
is($code, 5, 'setup waits for it for some seconds only');
like($second, qr/unfinished: PID \d+ \(.*psql/, 'and says who makes the slot');
($process, $said) = start();
$open->query_safe('COMMIT');
is($process->wait_for_exit(10), 0, 'a slot that is finished meanwhile is there');
like($said->(), qr/slot "outbox" is there/, 'it says so');
$by_hand->quit;
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});

# A prepared transaction has no process that could be ended.
$node->safe_psql('postgres', q{BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'it''s forgotten'});
($process, $said) = start();
wait_until { $said->() =~ /waits for prepared transaction 'it''s forgotten'/ } 'it says which prepared transaction it waits for: ' . $said->();
like($said->(), qr/ROLLBACK PREPARED 'it''s forgotten'/, 'and how to end it');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'it''s forgotten'});
is($process->wait_for_exit(20), 0, 'with its end the slot is made');
is(slots(), 1, 'one');
is($node->safe_psql('postgres', q{SELECT outbox.emit('t', 'k', '1') IS NOT NULL}), 't', 'emit works');

# Two setups run at the same time.
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox'); DROP EXTENSION outbox});
my @both = map { [ start() ] } 1 .. 4;
is_deeply([ map { $_->[0]->wait_for_exit(30) } @both ], [ 0, 0, 0, 0 ], 'several setups at once do no harm') or diag map { $_->[1]->() } @both;
is(slots(), 1, 'they made one slot');

# A temporary slot ends with its session.
my $temporary = $node->background_psql('postgres');
$temporary->query_safe(q{SELECT pg_create_logical_replication_slot('quick', 'outbox', true)});
($code, $second) = setup('--slot', 'quick');
is($code, 3, 'a temporary slot is refused');
like($second, qr/temporary/, 'as such');
$temporary->quit;

# setup overrides settings of the role for its sessions.
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox'); DROP EXTENSION outbox; CREATE ROLE cautious SUPERUSER LOGIN});
my %settings = (
    statement_timeout => '500ms', lock_timeout => '300ms', idle_in_transaction_session_timeout => '1ms', default_transaction_read_only => 'on',
    default_transaction_isolation => 'serializable', session_replication_role => 'replica', search_path => 'nowhere', client_encoding => 'LATIN1',
    quote_all_identifiers => 'on', idle_session_timeout => '1s');
$settings{standard_conforming_strings} = 'off' if $node->pg_version->major < 19;    # 19 takes no other value than on
$settings{transaction_timeout} = '900ms' if $node->pg_version->major >= 17;
$node->safe_psql('postgres', "ALTER ROLE cautious SET $_ = '$settings{$_}'") for keys %settings;
$open->query_safe('BEGIN');
$open->query_safe('SELECT txid_current()');
($process, $said) = start('cautious', '--slot', 'cautious');
wait_until { $said->() =~ /waits for PID $pid/ || !$process->alive } 'it waits longer than the time-outs';
$open->query_safe('COMMIT');
is($process->wait_for_exit(20), 0, q{a role's settings do not end setup}) or diag $said->();
is(slot($node, 'plugin', 'cautious'), 'outbox', 'the slot is there');
$open->quit;

done_testing();
