# Each cause for which the relay ends has its exit code, and standard error says what to do.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "wal_sender_timeout = 6s\n");
my @dsn = ('--dsn', $node->connstr('postgres') . ' user=relay');
my @run = qw(run --stdout);
my $pipe = PostgreSQL::Test::Utils::tempdir('pipe') . '/nobody';
mkfifo($pipe, 0600) or die "mkfifo: $!";

# The call ends with this exit code, and standard error has a line that matches each pattern.
sub ends_with {
    my ($expected, $name, $arguments, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = Outbox::Relay::call(@$arguments);
    is($code, $expected, "$name: exit code $expected") or diag $err;
    like($err, $_, "$name: says so") for @patterns;
    is($out, '', "$name: nothing on standard output");
    return $err;
}

sub usage {
    my ($name, $arguments, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $err = ends_with(2, $name, $arguments, @patterns);
    is($err =~ tr/\n//, 1, "$name: in one line") or diag $err;
}

my ($code, $version) = Outbox::Relay::call('--version');
is($code, 0, '--version');
like($version, qr/^outbox-relay \d+\.\d+/, 'prints it');

usage('no command', [], qr/run/);
usage('an unknown command', ['fly'], qr/fly.*run|run.*fly/);
usage('the help of an unknown command', [qw(help rum)], qr/"rum".*run/);
usage('the help of an unknown command of two words', [qw(help config shwo)], qr/"shwo".*show/);
usage('an unknown flag', [qw(run --sloth x)], qr/--sloth/);
usage('a flag without its value', [qw(run --slot)], qr/--slot/);
usage('a bad slot name', [qw(run --slot Out-Box)], qr/--slot.*a-z/);
usage('a number that is none', [qw(run --max-in-flight-bytes lots)], qr/--max-in-flight-bytes.*(number|bytes|integer)/);
usage('a negative number', [qw(run --shutdown-grace-ms -5)], qr/--shutdown-grace-ms/);
usage('an unknown format', [qw(run --format xml)], qr/--format.*json.*pretty/);
usage('an unknown log format', [qw(run --log-format xml)], qr/--log-format.*text.*json/);
usage('an unknown log level', [qw(run --log-level loud)], qr/--log-level.*debug.*info.*warn.*error/);
usage('topics that cannot be', [ 'run', '--topics', $_ ], qr/--topics.*expected.*topic names/) for '.', 't' x 250, 'a,,b', join ',', ('t') x 1001;
usage('a property without a value', [qw(run --brokers localhost:1 -X linger.ms)], qr/property=value/);
usage('an unknown property', [qw(run --brokers localhost:1 -X no.such.thing=1)], qr/no\.such\.thing/);
usage('a bad value of a property', [qw(run --brokers localhost:1 -X linger.ms=soon)], qr/linger\.ms/);
usage('a bad connection string', [ 'run', '--dsn', 'nonsense=1' ], qr/nonsense/);
usage('properties that do not fit each other', [qw(run --brokers localhost:1 -X reconnect.backoff.ms=3000)], qr/reconnect\.backoff/);
usage('or do not fit Kafka transactions', [qw(run --brokers localhost:1 --delivery exactly-once -X transaction.timeout.ms=5000)], qr/transaction\.timeout/);
usage('a file that is not there', [qw(setup --brokers localhost:1 -X security.protocol=ssl -X ssl.ca.location=/no/such.pem)], qr/ssl\.ca\.location/);
for my $file ([qw(run --brokers localhost:1 --property-file)], [qw(run --stdout --config)], [qw(setup --brokers localhost:1 --topics-file)]) {
    usage("a pipe into which nobody writes, for $file->[-1],", [ @$file, $pipe ], qr/nobody wrote into it for 5 s/);
}
usage('a property file without end', [qw(run --brokers localhost:1 --property-file /dev/zero)], qr/more than a mebibyte/);
for my $locked (qw(enable.idempotence=false acks=1 message.timeout.ms=1000 max.in.flight.requests.per.connection=10 partitioner=random
    test.mock.num.brokers=1 enabled_events=0)) {
    my ($name) = split /=/, $locked;
    usage("the locked property $name", [ qw(run --brokers localhost:1 -X), $locked ], qr/\Q$name\E/);
}
{
    local $ENV{OUTBOX_LOG_LEVEL} = 'loud';
    usage('a bad variable', ['run'], qr/OUTBOX_LOG_LEVEL|--log-level/);
}

usage('no brokers', [ qw(run --brokers), '' ], qr/--brokers.*value/);
{
    local %ENV = (%ENV, OUTBOX_SLOT => 'elsewhere', OUTBOX_DSN => 'nonsense=1');
    ends_with(3, 'a flag beside its variable', [ @run, @dsn, '--slot', 'here' ], qr/"here"/);
    my ($code) = Outbox::Relay::call('version');
    is($code, 0, 'a wrong variable does not concern other commands');
}
ends_with(3, 'a missing slot', [ @run, @dsn ], qr/slot.*outbox/, qr/setup/);
is(slot($node, 'count(*)'), '0', 'run has not made one');
{
    local %ENV = (%ENV, OUTBOX_DSN => $dsn[1], OUTBOX_SLOT => 'elsewhere');
    ends_with(3, 'a missing slot, by variables', [@run], qr/elsewhere/);
}
{
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'relay', PGDATABASE => 'postgres');
    ends_with(3, "a missing slot, by libpq's variables", [@run], qr/outbox/);
}

SKIP: {
    skip 'this server lacks test_decoding', 3 if !Outbox::Node::has_module('test_decoding');
    create_slot($node, 'foreign', 'test_decoding');
    ends_with(4, 'a slot of another plugin', [ @run, @dsn, '--slot', 'foreign' ], qr/test_decoding|foreign/);
}

create_slot($node);
SKIP: {
    skip 'the plugin is refused only where there is output_plugin_libraries, and pgoutput never', 3 if !Outbox::Node::has_plugin_list() || Outbox::Form::is_hosted();
    $node->safe_psql('postgres', 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding');
    $node->reload;
    $node->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') !~ 'outbox'});
    ends_with(4, 'a refused plugin', [ @run, @dsn ], qr/output_plugin_libraries/);
    $node->safe_psql('postgres', 'ALTER SYSTEM RESET output_plugin_libraries');
    $node->reload;
}

$node->safe_psql('postgres', 'CREATE DATABASE other');
ends_with(3, "a slot of another database", [ @run, '--dsn', $node->connstr('other') . ' user=relay' ], qr/postgres/);

# The slot falls behind by more WAL than the server may keep, first while a relay cannot deliver.
my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $stuck = Outbox::Relay->new($node, kafka => $nowhere, args => [qw(--shutdown-grace-ms 500)])->start;
$stuck->wait_until_streaming($node);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'});
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE t(x int)');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (1); SELECT pg_switch_wal();') for 1 .. 6;
$node->safe_psql('postgres', 'CHECKPOINT');
ok($node->poll_query_until('postgres', q{SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'outbox'}), 'the slot is lost');
is($stuck->wait_for_exit(30), 3, 'the relay that was attached ends with exit code 3');
like($stuck->log, qr/setup/, 'and says what to do');
ends_with(3, 'an invalidated slot', [ @run, @dsn ], qr/outbox/, qr/invalid|lost|removed/);
is(slot($node, 'count(*)'), '1', 'run has not dropped it');

done_testing();
