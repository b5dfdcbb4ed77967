# The owner of a database prepares settings, operators and functions for the superuser who calls setup. setup calls none of them, and refuses where
# the next outbox.emit() would call them.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', bare => 1);
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; CREATE DATABASE shop OWNER app');

sub as_app { return $node->safe_psql('shop', $_[0], extra_params => [ '-U', 'app' ]) }
sub as_superuser { return $node->safe_psql('shop', $_[0]) }
sub setup { my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('shop'), @_); return ($code, "$out$err") }

sub is_refused {
    my ($case, $way_out) = @_;
    for my $arguments ([], ['--dry-run']) {
        my ($code, $said) = setup(@$arguments);
        is($code, 5, "$case: setup @$arguments refuses") or diag $said;
        like($said, $way_out, 'and says the way out');
        unlike($said, qr/unexpected|SQLSTATE/, 'in words of its own');
    }
    return;
}

# ---- operators and functions that the search_path has before the server's

as_app(<<'END');
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.caught (who text, by_what text);
GRANT INSERT ON evil.caught TO PUBLIC;
DO $do$
DECLARE
    types text[] := ARRAY['text', 'name', 'oid', 'int4', 'int8', 'bool', 'xid', 'pg_lsn', '"char"', 'regclass', 'timestamptz'];
    operator text; l text; r text; f text; n int := 0;
BEGIN
    FOREACH operator IN ARRAY ARRAY['=', '<>', '||', '<', '>', '>=', '-', '<<', '|'] LOOP
        FOREACH l IN ARRAY types LOOP
            FOREACH r IN ARRAY types LOOP
                CONTINUE WHEN l <> r AND operator IN ('<', '>', '>=', '-');
                n := n + 1;
                f := 'evil.catch_' || n;
                EXECUTE format($f$CREATE FUNCTION %s(a %s, b %s) RETURNS bool LANGUAGE plpgsql AS
                    $b$ BEGIN INSERT INTO evil.caught VALUES (current_user, %L); RETURN true; END $b$ $f$, f, l, r, operator || l || r);
                EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %s)', operator, l, r, f);
            END LOOP;
        END LOOP;
    END LOOP;
END $do$;
CREATE FUNCTION evil.quote_ident(name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.caught VALUES (current_user, 'quote_ident'); RETURN ''; END $$;
CREATE FUNCTION evil.current_database() RETURNS name LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.caught VALUES (current_user, 'current_database'); RETURN ''; END $$;
ALTER DATABASE shop SET search_path = evil, pg_catalog;
END

my ($code, $said) = setup('--harden');
is($code, 0, 'a database with operators of its own is set up') or diag $said;
($code, $said) = setup('--harden');
is($code, 0, 'and again') or diag $said;
my $relay = Outbox::Relay->new($node, dsn => $node->connstr('shop'))->start;
ok($relay->wait_until_streaming($node), 'a relay reads from it');
is($relay->terminate, 0, 'and ends');
is(as_superuser('SELECT count(*) FROM evil.caught'), 0, 'none of the operators ran') or diag as_superuser('SELECT DISTINCT who, by_what FROM evil.caught');
as_superuser(q{SELECT 'a'::text = 'b'::text});
cmp_ok(as_superuser('SELECT count(*) FROM evil.caught'), '>', 0, 'which every session with the setting of the database does run');
as_superuser('ALTER DATABASE shop RESET search_path');

# ---- the schema

$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});
as_superuser('DROP EXTENSION outbox; DROP SCHEMA IF EXISTS outbox');
as_app('CREATE SCHEMA outbox');
is_refused("another's schema", qr/belongs to role "app".*(ALTER SCHEMA|DROP SCHEMA)/);
as_app(q{CREATE FUNCTION outbox.emit(text, bigint, jsonb, text, jsonb) RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'});
is_refused("another's schema with an overload in it", qr/belongs to role "app"/);
as_superuser('ALTER SCHEMA outbox OWNER TO CURRENT_USER');
is_refused("a stranger's function in it", qr/function outbox\.emit\(text,bigint,jsonb,text,jsonb\).*"app".*DROP function outbox\.emit\(text,bigint,jsonb,text,jsonb\)/);
as_superuser('DROP FUNCTION outbox.emit(text, bigint, jsonb, text, jsonb); GRANT CREATE ON SCHEMA outbox TO other');
is_refused('a role that may create in it', qr/role other may create.*REVOKE CREATE ON SCHEMA outbox FROM other/);
as_superuser('REVOKE CREATE ON SCHEMA outbox FROM other; GRANT CREATE ON SCHEMA outbox TO PUBLIC');
is_refused('everybody may create in it', qr/REVOKE CREATE ON SCHEMA outbox FROM PUBLIC/);
as_superuser('REVOKE CREATE ON SCHEMA outbox FROM PUBLIC');
as_superuser('CREATE TABLE outbox.mine ()');
is_refused('something else of our own', qr/table outbox\.mine.*move it/);
as_superuser('DROP TABLE outbox.mine');
($code, $said) = setup();
is($code, 0, 'an empty schema of our own is taken') or diag $said;

# The extension exists already.
as_superuser('GRANT CREATE, USAGE ON SCHEMA outbox TO other');
is_refused('a right to create that was given later', qr/REVOKE CREATE ON SCHEMA outbox FROM other/);
$node->safe_psql('shop', q{CREATE FUNCTION outbox.emit(text, bigint, jsonb, text, jsonb) RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'}, extra_params => [ '-U', 'other' ]);
as_superuser('REVOKE CREATE ON SCHEMA outbox FROM other');
is_refused('an overload that was made later', qr/emit\(text,bigint,jsonb,text,jsonb\).*belongs to role "other"/);
as_superuser('DROP FUNCTION outbox.emit(text, bigint, jsonb, text, jsonb)');
as_superuser('ALTER SCHEMA outbox OWNER TO app');
is_refused('a schema that was given away later', qr/belongs to role "app".*ALTER SCHEMA outbox OWNER TO/);
as_superuser('ALTER SCHEMA outbox OWNER TO CURRENT_USER');
as_superuser(q{CREATE FUNCTION outbox.order_placed(bigint) RETURNS uuid LANGUAGE sql AS $$SELECT outbox.emit('orders', $1, '{}')$$});
($code, $said) = setup();
is($code, 0, 'a function of the owner does no harm') or diag $said;
like($said, qr/function outbox\.order_placed\(bigint\).*left alone/, 'and is named');

done_testing();
