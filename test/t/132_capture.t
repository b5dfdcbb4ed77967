# outbox.capture on a server that could deliver nothing, with wal_level minimal and no slot: in SQL, with pgTAP, and with the examples of the page
# for pytest and JUnit. The server's log has a line.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $node = outbox_node('laptop', conf => "listen_addresses = '127.0.0.1'\nwal_level = minimal\nmax_wal_senders = 0\nlog_min_error_statement = error\n");
$node->safe_psql('postgres', 'CREATE ROLE developer LOGIN; GRANT USAGE ON SCHEMA outbox TO developer; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO developer');

sub as_developer { my ($sql) = @_; my (undef, $out, $err) = $node->psql('postgres', $sql, extra_params => [qw(-U developer)]); return ($out, $err) }

my ($out, $err) = as_developer(q{SELECT outbox.emit('t', 'k', '{}')});
like($err, qr/no replication slot can deliver the event/, 'without capture emit refuses');

my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
($out, $err) = as_developer(<<'END');
SET outbox.capture = session;
SELECT count(outbox.emit('t', 'k', '{"canary":"' || repeat('x', 100000) || '"}')) FROM generate_series(1, 10);
SELECT count(*) FROM outbox.captured();
END
is("$out$err", "10\n10", 'with capture it keeps the events');
cmp_ok($node->safe_psql('postgres', "SELECT pg_current_wal_insert_lsn() - '$before'::pg_lsn"), '<', 100_000, 'and writes nothing');
my $log = slurp($node->logfile);
is(scalar(() = $log =~ /"outbox.capture" keeps the events of this session/g), 1, 'the log has one line a session');
like($log, qr/DETAIL:  No replication slot can deliver the events, so none is written to the WAL/, 'which says that nothing is written');
unlike($log, qr/canary/, 'and does not have the statement');

# ---- pgTAP ----------------------------------------------------------------------------------------------------------------

my $emit = q{SELECT plan(1); SET LOCAL outbox.capture = on; SELECT FROM outbox.emit('orders', 42, '{"item":"Macbook"}', 'order.created');};
($out, $err) = as_developer("BEGIN; SET LOCAL outbox.capture = on; SELECT outbox.emitted_ok('orders')");
like($err, qr/pgTAP is not in the search path.*HINT/s, 'without pgTAP there is a hint');
SKIP: {
    skip 'this server has no pgTAP', 3 if !Outbox::Node::has_extension($node, 'pgtap');
    $node->safe_psql('postgres', 'CREATE SCHEMA tap; GRANT USAGE ON SCHEMA tap TO developer; CREATE EXTENSION pgtap SCHEMA tap');
    ($out, $err) = as_developer("SET search_path = public, tap; BEGIN; $emit SELECT outbox.emitted_ok('orders', '42', '{}', 'published'); SELECT * FROM finish()");
    is("$out$err", "1..1\nok 1 - published", 'ok where the event was emitted');
    ($out, $err) = as_developer("SET search_path = public, tap; BEGIN; $emit SELECT outbox.emitted_ok('orders', '43', description => 'published'); SELECT * FROM finish()");
    like($out, qr/^not ok 1 - published\n.*\n# emitted: topic orders, key 42\n/ms, 'not ok where it was not, with what was');
    is($err, '', 'without an error');
}

# ---- the page -------------------------------------------------------------------------------------------------------------

my ($example) = map { $_->{text} } grep { $_->{language} eq 'python' } Outbox::Page->read("$project/docs/testing.md")->blocks;
my $folder = PostgreSQL::Test::Utils::tempdir('pytest');
append_to_file("$folder/test_orders.py", $example);
my ($python) = grep { system("$_ -c 'import psycopg, pytest' 2>/dev/null") == 0 } qw(python3 /usr/bin/python3);
ok($python, 'a Python with pytest and psycopg') or BAIL_OUT('install python3-psycopg python3-pytest');
{
    local $ENV{DATABASE_URL} = $node->connstr('postgres') . ' user=developer';
    ($out, $err) = run_command([ $python, qw(-m pytest -q -p no:cacheprovider), $folder ]);
    like($out, qr/^2 passed/m, 'the tests of docs/testing.md pass') or diag("$out\n$err");
}

# Where no Docker engine is, the test with a container is compiled, and comes as far as to ask for one.
my $jars = "$ENV{OUTBOX_BUILD}/java/libs";
SKIP: {
    skip 'no JDK or no jars are here', 3 if !-d $jars || system('javac -version >/dev/null 2>&1') != 0;
    for my $block (grep { $_->{language} eq 'java' } Outbox::Page->read("$project/docs/testing.md")->blocks) {
        my ($name) = $block->{text} =~ m{^// (\w+\.java)\n} or die 'a block names no file';
        append_to_file("$folder/$name", $block->{text});
    }
    local $ENV{JDBC_URL} = 'jdbc:postgresql://127.0.0.1:' . $node->port . '/postgres?user=developer';
    my $compiled = qx{cd '$folder' && javac -proc:none -d classes -cp '$jars/*' *.java 2>&1};
    is($?, 0, 'the tests in Java are compiled') or diag $compiled;
    my $junit = "cd '$folder' && java -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp 'classes:$jars/*' org.junit.platform.console.ConsoleLauncher execute --disable-banner --details=tree --select-class";
    like(qx{$junit OrdersTest 2>&1}, qr/2 tests successful/, 'those of JUnit pass');
    like(qx{$junit ContainerTest 2>&1}, qr/2 tests successful|Could not find a valid Docker environment|Can't get Docker image: RemoteDockerImage\(imageName=outbox-postgres/,
        'those with a container pass, or there is no container to be had');
}
$node->stop;
done_testing();
