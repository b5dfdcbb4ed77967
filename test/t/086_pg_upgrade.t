# pg_upgrade carries over the extension's objects, also those of 1.1, and the rights to emit. From 17 on it also carries over a slot whose events are
# all consumed; before 17 setup creates a new slot, and emit() fails until then. The test upgrades from a major to the same major. docs/upgrading.md
# has the steps.
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(dirname);
use Outbox::Node;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = outbox_node('old', bare => 1);
my $keeps_slots = $old->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
my $events = q!SELECT string_agg(data::json ->> 'key', ' ') FROM pg_logical_slot_get_changes('outbox', NULL, NULL) WHERE data LIKE '{"topic"%'!;
my $privileges = q{SELECT string_agg(concat_ws(' ', oid::regprocedure, role, has_function_privilege(role, oid, 'EXECUTE')), E'\n' ORDER BY oid::regprocedure::text, role)
    FROM pg_proc, (VALUES ('app'), ('public')) AS roles(role) WHERE pronamespace = 'outbox'::regnamespace};

$old->safe_psql('postgres', q{
    CREATE EXTENSION outbox VERSION '1.0';
    ALTER EXTENSION outbox UPDATE;
    CREATE ROLE app LOGIN;
    GRANT USAGE ON SCHEMA outbox TO app;
    GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO app;
    CREATE TABLE orders (id int);
    CREATE VIEW uses AS SELECT outbox.emit('t', 'view', '{}', NULL, '{"h":"v"}'::varchar) AS id});
create_slot($old);
$old->safe_psql('postgres', q{SELECT outbox.emit('t', 'before', '{}')});

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(allows_streaming => 'logical', extra => [qw(--encoding=UTF8 --locale=C)]);
$new->append_conf('postgresql.conf', slurp_file($old->data_dir . '/postgresql.conf') =~ s/^(?:port|unix_socket_directories|listen_addresses).*$//gmr
        =~ s/.*^(wal_level)/$1/smr);

my $bin = dirname(`which pg_upgrade`);
sub upgrade {
    my @more = @_;
    my $here = getcwd();
    chdir $new->basedir or die "chdir: $!";    # where pg_upgrade of some versions leaves its files
    my @fast = $new->pg_version->major >= 15 ? '--no-sync' : ();
    my ($out, $err) = run_command(['pg_upgrade', @fast, '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
        '--old-bindir', $bin, '--new-bindir', $bin, '--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port, @more]);
    my $status = $?;
    chdir $here or die "chdir: $!";
    return ($status, "$out\n$err");
}

if ($keeps_slots) {
    $old->stop;
    my ($status, $said) = upgrade('--check');
    isnt($status, 0, 'an event that is not consumed is in the way');
    like($said, qr/logical replication slots that (?:can't|cannot) be upgraded/, 'and pg_upgrade says so');
    $old->start;
}
is($old->safe_psql('postgres', $events), 'before', 'everything is consumed');
my $before = $old->safe_psql('postgres', $privileges);
$old->stop;
my ($status, $said) = upgrade();
is($status, 0, 'upgraded') or diag($said);

$new->start;
is($new->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'outbox'}), '1.1', 'the extension is there');
is($new->safe_psql('postgres', $privileges), $before, 'with its objects, and who may emit');
is($new->safe_psql('postgres', 'SELECT count(*) FROM outbox.status'), 1, 'the view of its slots runs');
if (!$keeps_slots) {
    my (undef, undef, $error) = $new->psql('postgres', q{SELECT outbox.emit('t', 'k', '{}')});
    like($error, qr/no replication slot can deliver the event/, 'without the slot emit refuses');
    create_slot($new);
}
$new->safe_psql('postgres', q{SELECT id FROM uses; SELECT outbox.emit('t', 'after', '{}')});
$new->safe_psql('postgres', q{SELECT outbox.emit('t', 'app', '{}', NULL, '{"h":"v"}'::varchar)}, extra_params => ['-U', 'app']);
$new->safe_psql('postgres', q{INSERT INTO outbox.events (topic, key, payload) VALUES ('t', 'inserted', '{}')});
is($new->safe_psql('postgres', $events), 'view after app inserted', 'the slot has what was emitted since, and nothing else');

$new->stop;
done_testing();
