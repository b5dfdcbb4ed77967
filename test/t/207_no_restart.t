# PostgreSQL 19 as initdb leaves it, with wal_level = replica and nothing set for logical decoding: from there to the first event without a restart,
# with the extension and with the hosted form, because the first logical slot raises the effective wal_level. The doctor and setup demand none.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

BEGIN { delete $ENV{TLS} }    # the server has initdb's settings

my ($major) = `postgres -V` =~ /(\d+)/;
plan skip_all => 'before PostgreSQL 19 the server restarts for wal_level = logical' if $major < 19;

# A running server with initdb's settings: those that PostgreSQL's own tests add about WAL and replication are taken out again.
my @added_by_tests = qw(wal_level max_wal_senders max_replication_slots wal_log_hints hot_standby output_plugin_libraries);

sub fresh_node {
    my ($name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    $node->adjust_conf('postgresql.conf', $_, undef) for @added_by_tests;
    $node->start;
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name IN ('" . join(q{', '}, @added_by_tests) . q{') AND source <> 'default'}), 0, "$name: nothing is set");
    return $node;
}

sub levels { my ($node) = @_; return $node->safe_psql('postgres', q{SELECT current_setting('wal_level'), current_setting('effective_wal_level')}) }

# The doctor examines the server before there is a slot.
sub consult {
    my ($name, $doctor, $setup_line) = @_;
    my ($code, $report) = $doctor->examine;
    is($code, 10, "$name: before setup the doctor finds that the slot is missing");
    $doctor->found('wal-level', 'OK', qr/^wal_level is "replica"$/);
    like(join("\n", @{ $doctor->found('slot', 'FAIL', qr/does not exist/)->{repair} }), $setup_line, "$name: and names setup");
    my $all = join "\n", map { ($_->{sentence}, @{ $_->{repair} // [] }, $_->{then} // ()) } @{ $report->{checks} };
    unlike($all, qr/restart|must be "logical"|SET wal_level/i, "$name: it demands neither a restart nor another wal_level");
    return;
}

# The name, the role that runs setup, its arguments, and the plugin of the slot.
my @forms = (
    [ extension => undef, [qw(--plugin outbox)], 'outbox' ],
    [ hosted => 'master', [qw(--plugin pgoutput)], 'pgoutput' ],
);

for my $form (@forms) {
    my ($name, $role, $arguments, $plugin) = @$form;
    my $node = fresh_node($name);
    is(levels($node), 'replica|replica', "$name: the server does not decode yet");
    my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
    $node->safe_psql('postgres', "CREATE ROLE $role LOGIN REPLICATION; GRANT pg_monitor TO $role WITH ADMIN OPTION; ALTER DATABASE postgres OWNER TO $role") if $role;
    my $dsn = $node->connstr('postgres') . ($role ? " user=$role" : '');
    consult($name, Outbox::Doctor->new($node, dsn => $dsn), qr/^outbox-relay setup/);

    my $begin = time;
    $node->safe_psql('postgres', 'CREATE ROLE outbox_relay LOGIN REPLICATION');
    $node->safe_psql('postgres', 'CREATE EXTENSION outbox') if !$role;
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $dsn, @$arguments, '--relay-role', 'outbox_relay');
    is($code, 0, "$name: setup") or diag "$out$err";
    unlike("$out$err", qr/restart|wal_level/i, "$name: setup demands neither a restart nor another wal_level");
    my $id = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 42, '{"item":"Macbook"}')}, extra_params => [ $role ? ('-U', $role) : () ]);
    my $relay = Outbox::Relay->new($node, name => $name, user => 'outbox_relay')->start;
    wait_until { $relay->output } "$name: no event; the relay says:\n" . $relay->log, 90;
    my $seconds = time - $begin;

    is_deeply([ $relay->output ], [qq({"topic":"orders","key":"42","id":"$id","payload":{"item":"Macbook"}})], "$name: the event arrives");
    is($node->safe_psql('postgres', 'SELECT plugin FROM pg_replication_slots'), $plugin, "$name: out of a slot of $plugin");
    is(levels($node), 'replica|logical', "$name: the slot has raised the effective wal_level");
    is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, "$name: without a restart");
    cmp_ok($seconds, '<', 60, "$name: soon");
    diag sprintf '%s: %.1f s from the default settings to the first event', $name, $seconds;
    is($relay->terminate, 0, "$name: the relay ends in good order") or diag $relay->log;
    $node->stop;
}

done_testing();
