# Where exactly-once delivery goes on, and when it refuses to: the relay compares the position in the state topic with the slot and the server.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "wal_sender_timeout = 3s\n");
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 3);
my @exactly_once = qw(--delivery exactly-once);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => \@exactly_once);

sub set_up { my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka, @_); return ($code, "$out$err") }
sub emit { my ($count) = @_; return split /\n/, $node->safe_psql('postgres', "SELECT outbox.emit('orders', n, '1') FROM generate_series(1, $count) n") }
sub ids { return sort map { $_->{headers}[0][1] } $kafka->consume('orders') }
sub state_records { return grep { $_->{key} !~ m{/skipped/} } $kafka->consume('outbox.state') }

# ---- the state topic

create_slot($node);
$relay->start;
is($relay->wait_for_exit(30), 6, 'without a state topic it does not start');
like($relay->log, qr/"outbox\.state" does not exist.*setup/, 'it says what to do');

$kafka->create_topic('wide', 2);
my ($code, $said) = set_up('--state-topic', 'wide');
is($code, 6, 'a state topic with two partitions is refused by setup');
like($said, qr/2 partitions and must have exactly one/, 'with the reason');
my $wide = Outbox::Relay->new($node, name => 'wide', kafka => $kafka, args => [ @exactly_once, '--state-topic', 'wide' ])->start;
is($wide->wait_for_exit(30), 6, 'and by run');
$kafka->create_topic('forgetful', 1, 'cleanup.policy=delete');
($code, $said) = set_up('--state-topic', 'forgetful');
is($code, 6, 'one that forgets is refused by setup');
like($said, qr/"delete" and must have "compact"/, 'with the reason');

# ---- a slot that is older than the position

($code, $said) = set_up();
is($code, 6, 'a slot that was there before has no position');
like($said, qr/--reset-state/, 'setup says how to go on');
$relay->start;
is($relay->wait_for_exit(30), 6, 'run refuses as well');
($code, $said) = set_up('--reset-state');
is($code, 0, 'told so, setup writes the position of the slot') or diag $said;
($code, $said) = set_up();
is($code, 0, 'the second time everything is there');
like($said, qr/its position is there/, 'it says so');

my @events = emit(5);
$relay->start;
ok(wait_for_confirmation($node), 'it delivers what came since the slot');
is_deeply([ ids() ], [ sort @events ], 'each once');
($code, $said) = set_up('--reset-state');
is($code, 5, 'while a relay delivers nobody else writes the position');
like($said, qr/active for PID/, 'with the reason');

# ---- an idle database keeps no WAL, and the position is never behind the slot

my $before = current_lsn($node);
$node->safe_psql('postgres', 'CREATE TABLE other AS SELECT generate_series(1, 20000) AS n; SELECT pg_switch_wal()');
ok(wait_for_confirmation($node), 'WAL without events is confirmed');
cmp_ok(scalar(state_records()), '<', 60, 'at a modest rate');
is($relay->terminate, 0, 'it ends in good order');
$relay->start;
$relay->wait_until_streaming($node);
ok(wait_for_confirmation($node), 'and starts again where it was');
is($relay->terminate, 0, 'once more');

# ---- a transaction larger than the memory for it

# The relay runs for some milliseconds at a time, and is frozen while the test reads the position.
sub stands_in_the_middle {
    my ($stopped) = @_;
    $stopped->signal('STOP');
    my $is_split = grep { $_->{value} =~ /"complete":false/ } state_records();
    $stopped->signal('CONT') if !$is_split;
    return $is_split;
}

push @events, emit(60_000);
my $small = Outbox::Relay->new($node, name => 'small', kafka => $kafka, args => [ @exactly_once, '--max-in-flight-bytes', 1 << 20 ])->start;
wait_until { stands_in_the_middle($small) } 'the transaction is split';
$small->kill_nine;
my ($split) = reverse state_records();
like($split->{value}, qr/"ordinal":[1-9]\d*,"complete":false/, 'it was killed in the middle') or diag $split->{value};
$small->start;
ok(wait_for_confirmation($node), 'it goes on in the middle');
cmp_ok($small->peak_memory_kb, '<', Outbox::Relay::memory_limit_kb(48 * 1024), 'in bounded memory');
is_deeply([ ids() ], [ sort @events ], 'every event once');
is($small->terminate, 0, 'it ends in good order');

# ---- a position behind the slot, and none at all

push @events, emit(3);
$node->safe_psql('postgres', q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_lsn())});
$relay->start;
is($relay->wait_for_exit(30), 6, 'a slot that somebody has advanced is refused');
like($relay->log, qr/may be missing.*--reset-state/, 'with the reason and the way to go on');
splice @events, -3;
is((set_up('--reset-state'))[0], 0, 'an operator decides');
push @events, emit(3);
$relay->start;
ok(wait_for_confirmation($node), 'and it goes on');
is_deeply([ ids() ], [ sort @events ], 'without what was given up');
is($relay->terminate, 0, 'it ends in good order');

$kafka->delete_topic('outbox.state');
$relay->start;
is($relay->wait_for_exit(30), 6, 'a state topic that has gone is refused');

done_testing();
