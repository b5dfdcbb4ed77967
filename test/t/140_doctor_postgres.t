# `outbox-relay doctor` and PostgreSQL: the test causes each finding, carries out the statements that the doctor prints, and the check passes. The
# relay's role is a member of pg_monitor, as the page advises.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Doctor;
use Outbox::Node;
use Outbox::Process qw(slurp);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "fsync = off\nmax_replication_slots = 3\nmax_wal_senders = 3\n");
$node->safe_psql('postgres', 'GRANT pg_monitor TO relay');
my $doctor = Outbox::Doctor->new($node);
my $relay = Outbox::Relay->new($node);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub reload_until { my ($sql, $condition) = @_; sql($sql); $node->reload; $node->poll_query_until('postgres', "SELECT $condition"); return }

# ---- no server

{
    my $nowhere = Outbox::Doctor->new($node, dsn => 'host=127.0.0.1 port=' . PostgreSQL::Test::Cluster::get_free_port() . ' dbname=postgres');
    my ($code, $report) = $nowhere->examine;
    is($code, 10, 'without a server: exit code 10');
    $nowhere->found('connection', 'FAIL', qr/cannot connect.*refused/i);
    $nowhere->found($_, 'SKIP', qr/no connection to PostgreSQL/) for qw(primary wal-level slot emit-accepts);
    cmp_ok(scalar @{ $report->{checks} }, '>=', 19, 'and every check is named');
}

# ---- the slot

$doctor->mends('slot', break => sub { }, says => qr/slot "outbox" does not exist/);
$doctor->found('emit-accepts', 'OK', qr/accepts/);
my ($code, $report) = $doctor->examine;
is($code, 0, 'nothing fails: exit code 0') or diag explain $report;
$doctor->found($_, 'OK', qr/./) for qw(connection primary wal-level free-slots free-senders sender-timeout synchronous-standby clock plugin-allowed extension
    plugin-starts slot emit-accepts missing-slot-setting other-slots);
like($doctor->{report}{version}{verdict}, qr/^(?:OK|WARN)$/, 'version: 174_doctor_versions.t has the minors to warn of');
$doctor->mends('slot-reader', break => sub { }, verdict => 'WARN', says => qr/no relay reads/, then => qr/^PID \d+ \(user "relay", application "/);
$doctor->found('plugin-starts', 'OK', qr/runs, for PID/);
$doctor->end_relays;

$doctor->mends('emit-accepts', break => sub { sql(q{SELECT pg_drop_replication_slot('outbox')}) }, says => qr/no replication slot can deliver the event/);
$doctor->mends('emit-accepts', says => qr/no replication slot can deliver the event/, args => [qw(--slot other)], args_after => [qw(--slot other_2)],
    break => sub { sql(q{SELECT pg_drop_replication_slot('outbox')}); create_slot($node, 'other', 'pgoutput') });
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'other%'});
create_slot($node);
$doctor->mends(
    'slot', says => qr/belongs to the output plugin "pgoutput"/, args => [qw(--slot other)], args_after => [qw(--slot other_2)],
    break => sub { create_slot($node, 'other', 'pgoutput') });
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'other%'});
$doctor->mends('slot', says => qr/is a physical slot/, args => [qw(--slot other)], args_after => [qw(--slot other_2)],
    break => sub { sql(q{SELECT pg_create_physical_replication_slot('other')}) });
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'other%'});
$doctor->mends('slot', says => qr/belongs to database "elsewhere"/, args => [qw(--slot other)], args_after => [qw(--slot other_2)],
    break => sub { sql('CREATE DATABASE elsewhere'); $node->safe_psql('elsewhere', q{SELECT pg_create_logical_replication_slot('other', 'outbox')}) });
sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'other%'});
{
    my $session = $node->background_psql('postgres');
    $doctor->mends('slot', says => qr/is temporary and ends with its session/, args => [qw(--slot brief)],
        break => sub { $session->query_safe(q{SELECT pg_create_logical_replication_slot('brief', 'outbox', true)}) });
    sql(q{SELECT pg_drop_replication_slot('brief')});
    eval { $session->quit };
}
{
    my $holder = $node->background_psql('postgres');
    my $maker;
    $doctor->mends('slot', says => qr/unfinished.*creates the slot and waits for/, args => [qw(--slot slow)],
        break => sub {
            $holder->query_safe('BEGIN; SELECT pg_current_xact_id()');
            $maker = Outbox::Process->spawn(name => 'maker', command => [ 'psql', '-d', $node->connstr('postgres'), '-c', q{SELECT pg_create_logical_replication_slot('slow', 'outbox')} ],
                stdout => '/dev/null', stderr => '/dev/null');
            $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted});
        },
        after => sub { $maker->wait_for_exit(60) });
    eval { $holder->quit };
    sql(q{SELECT pg_drop_replication_slot('slow')});
}

# ---- invalidated slots, and slots without a reader

sub lose {
    my ($name) = @_;
    reload_until(q{ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'}, q{current_setting('max_slot_wal_keep_size') = '1MB'});
    for (1 .. 10) {
        sql(q{SELECT pg_logical_emit_message(false, 'x', 'x'); SELECT pg_switch_wal(); CHECKPOINT});
        last if slot($node, 'wal_status', $name) eq 'lost';
    }
    reload_until('ALTER SYSTEM RESET max_slot_wal_keep_size', q{current_setting('max_slot_wal_keep_size') = '-1'});
    return;
}
$doctor->mends('slot', says => qr/invalidated: the events that it had not delivered are lost/, break => sub { lose('outbox') });
$doctor->mends('emit-accepts', says => qr/replication slot "second" cannot deliver the event/,
    break => sub { create_slot($node, 'second'); lose('second'); sql(q{SELECT pg_drop_replication_slot('outbox')}); create_slot($node) });
$doctor->mends('other-slots', verdict => 'WARN', says => qr/slot "third" .* is read by nobody/, break => sub { create_slot($node, 'third') });
$doctor->mends('missing-slot-setting', verdict => 'WARN', says => qr/ALTER DATABASE postgres SET outbox\.missing_slot=ignore: a transaction commits without/,
    break => sub { sql(q{LOAD 'outbox'; ALTER DATABASE postgres SET outbox.missing_slot = 'ignore'}) });
$doctor->mends('missing-slot-setting', verdict => 'WARN', says => qr/ALTER ROLE relay SET outbox\.missing_slot=warning: /,
    break => sub { sql(q{LOAD 'outbox'; ALTER ROLE relay SET outbox.missing_slot = 'warning'}) });
$doctor->mends('missing-slot-setting', verdict => 'WARN', says => qr/outbox\.missing_slot=ignore on this server: /i,
    break => sub { reload_until(q{LOAD 'outbox'; ALTER SYSTEM SET outbox.missing_slot = 'IGNORE'}, q{current_setting('outbox.missing_slot', true) ~* 'ignore'}) });

# ---- the server

$doctor->mends('free-slots', verdict => 'WARN', says => qr/3 of max_replication_slots = 3/,
    break => sub { create_slot($node, $_) for qw(a b) }, then => qr/3 of max_replication_slots = 13/);
sql(q{SELECT pg_drop_replication_slot(n) FROM unnest('{a,b}'::text[]) AS n});
{
    my @readers;
    my $read = sub {
        push @readers, map { Outbox::Process->spawn(name => "reader $_", command => [ 'pg_receivewal', '-D', PostgreSQL::Test::Utils::tempdir('wal'), '-d', $node->connstr('postgres') ],
            stdout => '/dev/null', stderr => '/dev/null') } 1 .. 3;
        $node->poll_query_until('postgres', 'SELECT count(*) = 3 FROM pg_stat_replication');
    };
    $doctor->mends('free-senders', says => qr/3 of max_wal_senders = 3 .*the relay cannot connect/, break => $read,
        between => sub { $_->kill_nine for @readers }, then => qr/of max_wal_senders = 13/);
}
$doctor->mends('sender-timeout', verdict => 'WARN', says => qr/wal_sender_timeout is 0/,
    break => sub { reload_until('ALTER SYSTEM SET wal_sender_timeout = 0', q{current_setting('wal_sender_timeout') = '0'}) }, then => qr/60 s/);
$doctor->mends('sender-timeout', verdict => 'WARN', says => qr/wal_sender_timeout is 900 ms/, break => sub { sql('ALTER ROLE relay SET wal_sender_timeout = 900') });
$doctor->mends('sender-timeout', verdict => 'WARN', says => qr/wal_sender_timeout is 800 ms/, break => sub { sql('ALTER DATABASE postgres SET wal_sender_timeout = 800') });
$doctor->mends('synchronous-standby', says => qr/every commit waits for Kafka/,
    break => sub { reload_until(q{ALTER SYSTEM SET synchronous_standby_names = '*'}, q{current_setting('synchronous_standby_names') = '*'}) });
if ($node->pg_version->major < 19) {
    $doctor->mends('wal-level', says => qr/wal_level is "replica" and must be "logical"/, break => sub {
        sql(q{SELECT pg_drop_replication_slot('outbox'); ALTER SYSTEM SET wal_level = replica});
        $node->restart;
    });
    create_slot($node);
}

# ---- the extension and its plugin

$doctor->mends('extension', says => qr/is not installed in database "postgres"/, break => sub { sql('DROP EXTENSION outbox') });
$doctor->mends('extension', verdict => 'WARN', says => qr/of version 1\.0, and its files/, break => sub { sql(q{DROP EXTENSION outbox; CREATE EXTENSION outbox VERSION '1.0'}) });
if (Outbox::Node::has_plugin_list()) {
    my $allow = sub { my ($list) = @_; reload_until("ALTER SYSTEM SET output_plugin_libraries = $list", q{current_setting('output_plugin_libraries') NOT LIKE 'pgoutput, test_decoding, outbox'}) };
    $doctor->mends('plugin-allowed', says => qr/does not name "outbox"/, break => sub { $allow->(q{'pgoutput'}) });
    $doctor->found('plugin-starts', 'OK', qr/starts the plugin/);
    $doctor->mends('plugin-allowed', says => qr/several names in one pair of quotes/, break => sub { $allow->(q{'pgoutput, outbox'}) });
    $allow->(q{'pgoutput'});
    $doctor->examine;
    $doctor->found('plugin-starts', 'FAIL', qr/does not start the plugin; see plugin-allowed/);
    $doctor->repair($doctor->found('plugin-allowed', 'FAIL', qr/./));
    sql('REVOKE pg_monitor FROM relay');
    $doctor->mends('plugin-allowed', verdict => 'SKIP', says => qr/may not read output_plugin_libraries/, break => sub { });
    sql('GRANT pg_monitor TO relay');
}
{
    my $library = PostgreSQL::Test::Utils::tempdir('library');
    my $conf = sub { reload_until("ALTER SYSTEM SET dynamic_library_path = '$library'", "current_setting('dynamic_library_path') = '$library'") };
    chomp(my $installed = `pg_config --pkglibdir`);
    $doctor->tool('make', "[ \"\$1\" = install ] && cp '$installed/outbox.so' '$library/'");
    $doctor->mends('plugin-starts', says => qr/cannot load the plugin/, break => $conf);
    reload_until('ALTER SYSTEM RESET dynamic_library_path', q{current_setting('dynamic_library_path') = '$libdir'});
}

# ---- the text for people

my ($status, $out, $err) = Outbox::Relay::call('doctor', '--dsn', $node->connstr('postgres') . ' user=relay');
is($status, 0, 'for people: exit code 0') or diag "$out$err";
like($out, qr/^OK    connection\s+PostgreSQL \d+(?:\.\d+|beta\d+|rc\d+)\b.* answers in database "postgres" as "relay"$/m, 'a line a check');
like($out, qr/^WARN  slot-reader .*\n      repair: outbox-relay run --dsn .*\n      see:    docs\/doctor\.md#slot-reader$/m, 'with the repair and the page');
like($out, qr/^\d+ OK, \d+ SKIP, \d+ WARN, 0 FAIL$/m, 'and a sum');
unlike($out, qr/\033/, 'without colours where it is no terminal');
is_deeply([ grep { !/^(?:OK|SKIP|WARN)\s/ && !/^      (?:repair|then|see):/ && !/^\d+ OK, / } split /\n/, $out ], [], 'and nothing else');

# Each check has a row on the page, and the link of a finding leads to that row.
my $page = slurp(dirname(__FILE__) . '/../../docs/doctor.md');
my @rows = $page =~ /^\| <a id="([\w-]+)"><\/a>`\1` \|/mg;
($code, $report) = $doctor->examine;
is_deeply([ map { $_->{check} } @{ $report->{checks} } ], [ grep { $doctor->{report}{$_} } @rows ], 'the checks are on the page, in their order');
is_deeply([ grep { $_->{see} ne "docs/doctor.md#$_->{check}" } @{ $report->{checks} } ], [], 'and say where');

done_testing();
