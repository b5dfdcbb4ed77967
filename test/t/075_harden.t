# setup --harden revokes pg_logical_emit_message() from PUBLIC, and names the roles that can still forge events.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main');
create_slot($node);
my $strange = $node->pg_version->major < 19 ? "strange\nrole" : 'strange role';    # 19 takes no line end in the name of a role
$node->safe_psql('postgres', <<"END");
CREATE ROLE app LOGIN;
GRANT USAGE ON SCHEMA outbox TO app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO app;
CREATE ROLE boss SUPERUSER;
CREATE ROLE deputy IN ROLE boss;
CREATE ROLE tracer;
CREATE ROLE "its Member" IN ROLE tracer;
CREATE ROLE "$strange" SUPERUSER;
END

sub setup { my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @_); return ($code, $out, $err) }
sub refusal { my (undef, undef, $err) = $node->psql('postgres', $_[0], extra_params => [ '-U', 'app' ]); return $err }
sub rights { return $node->safe_psql('postgres', q{SELECT oid::regprocedure, proacl FROM pg_proc WHERE proname = 'pg_logical_emit_message' ORDER BY 1}) }
my @forgeries = map { "SELECT pg_logical_emit_message(true, 'outbox', $_)" } q{'{}'}, q{'\x00'::bytea};

my $before = rights();
is(refusal($_), '', 'any role can forge') for @forgeries;
my ($code, $sql) = setup('--harden', '--dry-run');
is($code, 0, '--dry-run ends well');
is(rights(), $before, 'and changes nothing');
is(() = $sql =~ /^REVOKE EXECUTE ON FUNCTION pg_catalog\.pg_logical_emit_message\([^)]*\) FROM PUBLIC;$/mg, 2, 'it prints a statement for every overload');
unlike($sql, qr/^role/m, q{a role's name cannot end a comment});

is($node->psql('postgres', $sql), 0, 'psql runs what it printed');
my $after = rights();
isnt($after, $before, 'with effect');
like(refusal($_), qr/permission denied/, 'nobody can forge now') for @forgeries;
is(refusal(q{SELECT outbox.emit('orders', 'k', '1')}), '', 'emit works as ever');

$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION pg_logical_emit_message TO PUBLIC') for ();
$node->safe_psql('postgres', <<'END');
DO $$ DECLARE f regprocedure; BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC, tracer', f);
  END LOOP;
END $$
END
($code, my $said) = setup('--harden');
is($code, 0, 'setup does it itself');
like(refusal($_), qr/permission denied/, 'nobody can forge') for @forgeries;
like($said, qr/revoked pg_logical_emit_message\(\) from PUBLIC/, 'it says so');
like($said, qr/^superusers.*: (.*, )?boss, /m, 'and names who can forge all the same: superusers,');
like($said, qr/^members of a superuser's role.*: deputy$/m, 'who may become one,');
like($said, qr/^roles that were granted pg_logical_emit_message\(\).*: tracer$/m, 'who was granted the function,');
like($said, qr/^members of roles that were granted pg_logical_emit_message\(\).*: "its Member"$/m, 'their members,');
like($said, qr/^roles with REPLICATION.*: relay$/m, 'and who can read');
my $hardened = rights();
($code, $said) = setup('--harden');
is($code, 0, 'once more');
like($said, qr/is closed to PUBLIC/, 'there is nothing to do');
is(rights(), $hardened, 'and nothing is done');

# A role that may not revoke gets a warning of the server, and no error.
$node->safe_psql('postgres', q{DO $$ BEGIN EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', (SELECT min(oid)::regprocedure FROM pg_proc WHERE proname = 'pg_logical_emit_message')); END $$});
my ($code_of_other, $out, $err) = Outbox::Relay::call('setup', '--harden', '--dsn', $node->connstr('postgres') . ' user=relay');
is($code_of_other, 5, 'an ordinary role cannot');
like($err, qr/as a superuser/, 'and is told who can');

done_testing();
