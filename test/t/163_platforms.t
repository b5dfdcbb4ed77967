# Servers with the limits of hosted ones: no superuser, no library, output_plugin_libraries at its default, and the roles that a provider creates. The
# doctor recognizes the provider, names what is missing in the provider's terms, and finds no fault after setup. The providers' own services are not
# tested.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Node;
use Outbox::PgBouncer;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('platform', bare => 1, refuse_plugin => 1, conf => "fsync = off\n");
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql($_) for 'CREATE ROLE master LOGIN CREATEDB CREATEROLE REPLICATION', 'CREATE ROLE plain LOGIN', 'GRANT pg_monitor TO master WITH ADMIN OPTION', 'GRANT pg_monitor TO plain', 'ALTER DATABASE postgres OWNER TO master';
my $doctor = Outbox::Doctor->new($node, dsn => $node->connstr('postgres') . ' user=master');
my $plain = Outbox::Doctor->new($node, dsn => $node->connstr('postgres') . ' user=plain');

# For each provider: a role, its name, how to set wal_level, how to let a role replicate; a function that only it has.
my @platforms = (
    [ rds_superuser => 'Amazon RDS', qr/^aws rds modify-db-parameter-group .*rds\.logical_replication,ParameterValue=1/, qr/^GRANT rds_replication TO plain;$/ ],
    [ rds_superuser => 'Amazon Aurora', qr/^aws rds modify-db-cluster-parameter-group .*rds\.logical_replication,ParameterValue=1/, qr/^GRANT rds_replication TO plain;$/, 'aurora_version' ],
    [ cloudsqlsuperuser => 'Google Cloud SQL', qr/^gcloud sql instances patch .*cloudsql\.logical_decoding=on/, qr/^ALTER ROLE plain REPLICATION;$/ ],
    [ azure_pg_admin => 'Azure Database for PostgreSQL', qr/^az postgres flexible-server parameter set .*--name wal_level --value 'logical'/, qr/^ALTER ROLE plain REPLICATION;$/ ],
    [ neon_superuser => 'Neon', qr/Logical Replication, Enable/, qr/in the console or by the API/ ],
    [ supabase_admin => 'Supabase', qr/wal_level is "logical" by default/, qr/^ALTER ROLE plain REPLICATION;$/ ],
);
sub mends { my ($finding) = @_; return join "\n", @{ $finding->{repair} }, $finding->{then} // () }

sql('ALTER SYSTEM SET wal_level = replica');
$node->restart;
for my $platform (@platforms) {
    my ($role, $name, $level, $grant, $function) = @$platform;
    sql("CREATE ROLE $role NOLOGIN");
    sql("CREATE FUNCTION $function() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'") if $function;
    $doctor->examine;
    like($doctor->{report}{version}{sentence}, qr/the provider is \Q$name\E$/, "$name: known");
    SKIP: {
        skip 'from 19 on the first slot raises wal_level', 1 if $node->safe_psql('postgres', 'SHOW server_version_num') >= 190000;
        like(mends($doctor->found('wal-level', 'FAIL', qr/must be "logical"/)), $level, "$name: how wal_level is set");
    }
    like(mends($doctor->found('slot', 'FAIL', qr/does not exist/)), qr/^outbox-relay setup .* --plugin pgoutput$/m, "$name: setup is called for the hosted form");
    $doctor->found('extension', 'FAIL', qr/has no emit/);
    $plain->examine;
    like(mends($plain->found('replication', 'FAIL', qr/refused/)), $grant, "$name: how a role may replicate");
    unlike(join("\n", map { mends($_) } values %{ $doctor->{report} }), qr/ALTER SYSTEM|sudo|pg_reload_conf/, "$name: no statement that takes a superuser, and no shell of the server");
    sql("DROP FUNCTION $function()") if $function;
    sql("DROP ROLE $role") if $role ne 'supabase_admin';
}
sql('ALTER SYSTEM SET wal_level = logical');
$node->restart;

# After a setup by the provider's administrator the doctor finds no fault.
my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres') . ' user=master', '--plugin', 'pgoutput');
is($code, 0, 'setup as the administrator') or diag $err;
($code) = $doctor->examine;
is($code, 0, 'then nothing fails') or diag join "\n", map { "$_->{check}: $_->{sentence}" } grep { $_->{verdict} eq 'FAIL' } values %{ $doctor->{report} };
$doctor->found(@$_) for [ 'plugin-allowed', 'OK', qr/pgoutput/ ], [ 'extension', 'OK', qr/emit in SQL is there/ ], [ 'plugin-starts', 'SKIP', qr/own plugin/ ],
    [ 'slot', 'OK', qr/of plugin "pgoutput"/ ], [ 'emit-accepts', 'OK', qr/accepts/ ], [ 'missing-slot-setting', 'OK', qr/outbox\.settings/ ];

($code) = Outbox::Doctor->new($node)->examine;
is($code, 0, "nor for the relay's role");
like(join("\n", map { mends($_) } values %{ $doctor->{report} }), qr/^(?!.*REVOKE EXECUTE ON FUNCTION pg_catalog\.pg_logical_emit_message)/s, 'nobody is told to take away what emit needs');

# Findings of the hosted form.
$doctor->mends('missing-slot-setting', verdict => 'WARN', says => qr/missing_slot is "ignore"/, break => sub { sql(q{UPDATE outbox.settings SET missing_slot = 'ignore'}) });
sql(q{UPDATE outbox.settings SET slots = '{outbox,outbox_gone}'});
($code) = $doctor->examine;
like(mends($doctor->found('emit-accepts', 'FAIL', qr/"outbox_gone" cannot deliver/)), qr/out of outbox\.settings/, 'a slot that is demanded and gone');
sql(q{UPDATE outbox.settings SET slots = '{outbox}'; DROP PUBLICATION outbox});
$doctor->examine;
$doctor->found('extension', 'FAIL', qr/publication "outbox" is missing/);
$plain->examine;
like(mends($plain->found('emit-accepts', 'SKIP', qr/may not look into schema/)), qr/GRANT USAGE ON SCHEMA outbox TO plain;/, 'a role without USAGE is told');

# A pooler that passes no replication connection on, as the providers' proxies do and PgBouncer up to 1.22: doctor names the cause and what to do. setup
# makes the slot by an SQL function, which the pooler passes on. A newer PgBouncer passes the stream on, and the relay reads it.
SKIP: {
    skip 'no pgbouncer', 1 if !Outbox::PgBouncer::is_here();
    my $pooler = Outbox::PgBouncer->start($node, 'master');
    my $dsn = $pooler->dsn;
    my $behind = Outbox::Doctor->new($node, dsn => $dsn);
    $behind->examine;
    my $passes = Outbox::PgBouncer::passes_replication();
    my $finding = $behind->found('pooler', $passes ? ('WARN', qr/cuts the replication stream off/) : ('FAIL', qr/passes no replication stream on/));
    like(mends($finding), qr/--dsn '.*@{[ $node->port ]}/, 'with the address of the server itself');
    sql('CREATE PUBLICATION outbox');
    ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $dsn, '--plugin', 'pgoutput', '--slot', 'outbox_behind');
    is($code, 0, 'setup works behind the pooler') or diag $err;
    is(slot($node, 'plugin', 'outbox_behind'), 'pgoutput', 'and makes the slot');
    my $relay = Outbox::Relay->new($node, name => 'behind', dsn => $dsn, user => 'master', args => [ '--slot', 'outbox_behind' ])->start;
    $relay->wait_for_log($passes ? qr/streaming from slot/ : qr/name the server itself in --dsn/, 60);
    is($relay->terminate, 0, 'a relay behind the pooler reads, or goes on trying while its log names the cause');
    sql($_) for q{SELECT pg_drop_replication_slot('outbox_behind')}, q{UPDATE outbox.settings SET slots = '{outbox}'}, 'DROP PUBLICATION outbox';
    $pooler->stop;
}

# On Amazon RDS nobody may give REPLICATION, and a member of rds_replication may replicate.
sql($_) for 'CREATE ROLE rds_replication NOLOGIN', 'GRANT rds_replication TO master WITH ADMIN OPTION', 'ALTER ROLE master NOREPLICATION', 'GRANT master TO current_user';
sub roles { return Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres') . ' user=master', qw(--plugin pgoutput --dry-run --relay-role), $_[0]) }
($code, $out, $err) = roles('fresh');
is($code, 0, 'Amazon RDS: a role for the relay') or diag $err;
like($out, qr/^ *CREATE ROLE fresh LOGIN;\n *GRANT rds_replication TO fresh;$/m, 'becomes a member of rds_replication');
sql('CREATE ROLE fresh LOGIN');
like((roles('fresh'))[1], qr/^ *GRANT rds_replication TO fresh;$/m, 'also where the role is there');
sql('GRANT rds_replication TO fresh');
($code, $out) = roles('fresh');
like($out, qr/role fresh may read a replication stream$/m, 'and a member need not become one');
unlike($out, qr/REPLICATION/, 'without a word of the right that nobody may give');

done_testing();
