# `outbox-relay setup --relay-role --app-role` creates the roles with the rights that they need; `--remove` removes what setup has created, and
# refuses while events are not delivered.
use strict;
use warnings;

use IPC::Run ();
use Outbox::Node;
use Outbox::Relay;
use Test::More;

my $node = outbox_node('main', bare => 1, conf => "fsync = off\n");
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub setup { my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @_); return ($code, "$out$err") }
my @roles = ('--relay-role', 'the relay', '--app-role', 'shop');

my ($code, $said) = setup(@roles, '--dry-run');
is($code, 0, '--dry-run') or diag $said;
like($said, qr/^CREATE ROLE "the relay" LOGIN REPLICATION;$/m, 'prints the relay\'s role,');
like($said, qr/^GRANT EXECUTE ON FUNCTION outbox\.emit\(.*outbox\.emit_many\(.*\) TO shop;$/m, 'and the application\'s rights');
is(sql(q{SELECT count(*) FROM pg_roles WHERE rolname IN ('the relay', 'shop')}), 0, 'and makes nothing');
($code, $said) = setup(@roles);
is($code, 0, 'setup makes the roles') or diag $said;
like($said, qr/created role "the relay"/, 'and says so');
like($node->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}')}, extra_params => [qw(-U shop)]), qr/^[0-9a-f-]{36}$/, 'the application may emit');
like($node->safe_psql('postgres', q{INSERT INTO outbox.events (topic, key, payload) VALUES ('orders', '1', '{}') RETURNING id}, extra_params => [qw(-U shop)]),
    qr/^[0-9a-f-]{36}$/m, 'by the view, too');
my ($status) = $node->psql('postgres', q{SELECT outbox.create_topic_view('orders')}, extra_params => [qw(-U shop)]);
isnt($status, 0, 'and no more than that');
my $relay = Outbox::Relay->new($node, user => "'the relay'")->start;
ok($relay->wait_until_streaming($node), 'the relay may stream');
($code, $said) = setup(@roles);
is($code, 0, 'a second time') or diag $said;
unlike($said, qr/created|now/, 'nothing is done');
sql('REVOKE INSERT ON outbox.events FROM shop');
($code, $said) = setup(@roles);
like($said, qr/role shop may emit now/, 'what was taken is given again,');
sql('ALTER ROLE "the relay" NOREPLICATION');
($code, $said) = setup(@roles);
like($said, qr/may log in and read a replication stream now/, 'the relay\'s right, too');

# ---- the way back

($code, $said) = setup('--remove', '--force');
is($code, 5, 'a relay reads: --remove refuses');
like($said, qr/active for PID \d+: stop its relay first/, 'and says why');
$relay->terminate;
sql(q{SELECT outbox.emit('orders', 2, '{}')});
($code, $said) = setup('--remove');
is($code, 5, 'events are not delivered: it refuses');
like($said, qr/holds events that are not delivered: .*drain first, or give them up with --force/, 'and says what to do');
is(slot($node, 'plugin'), Outbox::Form::plugin(), 'nothing is removed');
$relay->start;
wait_for_confirmation($node);
$relay->terminate;
($code, $said) = setup('--remove');
is($code, 5, 'without a terminal it refuses');
like($said, qr/asks for confirmation at a terminal; without a terminal add --force/, 'and says so');
{
    my (undef, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres') . " user='the relay'", '--remove', '--force');
    like($err, qr/role "the relay" does not own what setup has created, and nothing was removed/, 'the relay\'s role may not remove everything');
    unlike($out, qr/dropped/, 'and drops nothing,');
    is(slot($node, 'plugin'), Outbox::Form::plugin(), 'not the slot either, which it could drop');
}
sql(q{SELECT outbox.create_topic_view('orders', schema => 'public')});
($code, $said) = setup('--remove', '--force');
is($code, 5, 'a view of a topic is there: it refuses');
like($said, qr/nothing was removed: .*trigger emit on view (?:public\.)?orders_events.*Drop them first/, 'and names what is to be dropped');
is(slot($node, 'plugin'), Outbox::Form::plugin(), 'before it drops the slot');
sql('DROP VIEW public.orders_events');
($code, $said) = setup('--remove', '--dry-run');
is($code, 0, '--dry-run') or diag $said;
my $dropped = Outbox::Form::is_hosted() ? 'schema' : 'extension';
like($said, qr/^DROP \U$dropped\E outbox\b.*;$/m, 'prints the SQL');
SKIP: {
    skip 'no IO::Pty', 2 if !eval { require IO::Pty; 1 };
    my $answer = sub {
        my ($text) = @_;
        my ($input, $out, $program) = ("$text\n", '', $ENV{OUTBOX_RELAY});
        local %ENV = %ENV;
        delete @ENV{ grep { /^OUTBOX_/ } keys %ENV };
        my $run = IPC::Run::start([ $program, Outbox::Relay::in_form('setup', '--dsn', $node->connstr('postgres'), '--remove') ], '<pty<', \$input, '>pty>', \$out);
        $run->finish;
        return $out;
    };
    like($answer->('yes'), qr/nothing was removed/, 'another answer than the slot\'s name: nothing is removed');
    like($answer->('outbox'), qr/dropped slot "outbox".*dropped $dropped "outbox"/s, 'the slot\'s name: it is');
}
is(sql(q{SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_extension WHERE extname = 'outbox') + (SELECT count(*) FROM pg_namespace WHERE nspname = 'outbox')}), 0, 'slot, extension and schema are gone');
($code, $said) = setup('--remove', '--force');
is($code, 0, 'again: nothing is left to be done') or diag $said;
($code, $said) = setup('--force');
is($code, 2, '--force alone: exit code 2');

done_testing();
