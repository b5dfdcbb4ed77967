# `outbox-relay doctor`: checks that need other servers: a standby, a broker that is not reached at its advertised address, three brokers of which one
# is away, certificates that expire soon, a disk that is nearly full, a broker with another clock. The test causes each finding, carries out what the
# doctor prints, and the check passes.
use strict;
use warnings;

use File::Copy ();
use IPC::Run ();
use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::KafkaCluster;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
use Outbox::Relay;
use Outbox::Retelling;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

BEGIN { delete $ENV{TLS} }    # the connections are this test's own

my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my $doctor = Outbox::Doctor->new($node);

# ---- a standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
{
    $doctor->{dsn} = $standby->connstr('postgres') . ' user=relay';
    my ($code) = $doctor->examine;
    is($code, 10, 'of a standby: exit code 10');
    my $finding = $doctor->found('primary', 'FAIL', qr/standby/);
    like($finding->{then}, qr/name all servers in --dsn, as host=a,b, and add target_session_attrs=primary/, 'and what to do');
    my ($hosts, $ports) = map { my $of = $_; join ',', map { $_->$of } $standby, $node } qw(host port);
    $doctor->{dsn} = "host=$hosts port=$ports dbname=postgres user=relay target_session_attrs=primary";
    $doctor->examine;
    $doctor->found('primary', 'OK', qr/no standby/);
    $doctor->{dsn} = $node->connstr('postgres') . ' user=relay';
}
$standby->stop('immediate');

# ---- a broker that advertises an address where nobody listens

{
    my ($inner, $outer) = map { PostgreSQL::Test::Cluster::get_free_port() } 1, 2;
    my $kafka = Outbox::Kafka->new(inner_port => $inner, proxy_port => $outer)->start;
    $doctor->{args} = [ '--brokers', "127.0.0.1:$inner", '--topics', 'orders' ];
    my ($code) = $doctor->examine_until('brokers', 'FAIL');
    is($code, 10, 'a broker that is not reached: exit code 10');
    my $finding = $doctor->found('brokers', 'FAIL', qr/broker \d+ is not reached at \S+:$outer, where the cluster says it is/);
    like($finding->{repair}[0], qr/^nc -vz \S+ $outer$/, 'how to see the same');
    my $proxy = Outbox::Proxy->new(kafka => [ "127.0.0.1", $outer, $inner ]);
    $doctor->examine_until('brokers', 'OK');
    $doctor->found('brokers', 'OK', qr/each broker answers/);
    $kafka->stop;
}

# ---- certificates

{
    my $tls = Outbox::Tls->new('authority', days => 90);
    my ($late, $new) = map { $tls->certificate('127.0.0.1', host => 'IP:127.0.0.1', days => $_) } 2, 80;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $kafka = Outbox::Kafka->new(listeners => ["MINE://127.0.0.1:$port"], protocols => ',MINE:SSL', properties => $tls->kafka_listener_settings('MINE', $late))->start;
    $doctor->{args} = [ '--brokers', "127.0.0.1:$port", '-X', 'security.protocol=SSL', '-X', 'ssl.ca.location=' . $tls->ca ];
    $doctor->examine_until('certificates', 'WARN');
    my $finding = $doctor->found('certificates', 'WARN', qr/^the certificate of broker .* expires in [12] days$/);
    like($finding->{then}, qr/^replace the certificate/, 'what to do');
    $kafka->stop;
    File::Copy::copy($new->{both}, $late->{both}) or die $!;
    $kafka->start;
    $doctor->examine_until('certificates', 'OK');
    $doctor->found('certificates', 'OK', qr/^the certificate of broker .* expires in (?:79|80) days$/);

    # The client's own, which this broker does not ask for.
    my ($past, $present) = map {
        my $own = $tls->certificate('relay', expired => $_, days => $_ ? 2 : 85);
        [ '-X', "ssl.certificate.location=$own->{cert}", '-X', "ssl.key.location=$own->{key}" ]
    } 1, 0;
    my ($code) = $doctor->examine(@$past);
    is($code, 10, 'an expired one: exit code 10');
    $doctor->found('certificates', 'FAIL', qr/^the certificate of ssl\.certificate\.location .* expired [678] days ago$/);
    $doctor->examine(@$present);
    $doctor->found('certificates', 'OK', qr/./);
    $kafka->stop;
}

# ---- the disk with the WAL, whose figures the doctor gets from a library of this test

{
    my $folder = PostgreSQL::Test::Utils::tempdir('disk');
    PostgreSQL::Test::Utils::append_to_file("$folder/statvfs.c", <<'END');
#include <stdio.h>
#include <sys/statvfs.h>
int statvfs(const char *path, struct statvfs *to)
{
    FILE *figures = fopen(FIGURES, "r");
    (void) path;
    *to = (struct statvfs){.f_frsize = 4096};
    if (figures == NULL || fscanf(figures, "%lu %lu", &to->f_bavail, &to->f_blocks) != 2)
        return -1;
    fclose(figures);
    return 0;
}
END
    PostgreSQL::Test::Utils::system_or_bail('gcc', '-D_GNU_SOURCE', "-DFIGURES=\"$folder/figures\"", '-shared', '-fPIC', '-o', "$folder/statvfs.so", "$folder/statvfs.c");
    my $figures = sub { my ($free, $all) = @_; open my $file, '>', "$folder/figures" or die $!; print {$file} "$free $all\n"; close $file; return };
    $doctor->{args} = [];
    $doctor->{before} = [ 'env', "LD_PRELOAD=$folder/statvfs.so" ];
    $doctor->tool('df', 'exit 0');
    $node->safe_psql('postgres', 'GRANT pg_monitor TO relay');    # without pg_monitor the relay's role may not read data_directory
    my $room = sub { $figures->(200_000, 1_000_000) };
    $doctor->mends('disk', says => qr/^16\d MB of the disk's 4\.\d GB are free, and the slot keeps .*: PostgreSQL stops when it is full/, break => sub { $figures->(40_000, 1_000_000) }, after => $room,
        then => qr/^819 MB of the disk's 4\.\d GB are free/);
    $node->safe_psql('postgres', q{SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM generate_series(1, 140)});
    $doctor->mends('disk', verdict => 'WARN', says => qr/^4\d\d MB .*: the WAL will fill it/, break => sub { $figures->(100_000, 1_000_000) }, after => $room);
    delete $doctor->{before};
}

# ---- Kafka's clock

# A proxy adds 30 s to a record's time, in a batch of format 2 whose timestamp is the broker's: the last 8 bytes here.
{
    my ($inner, $outer) = map { PostgreSQL::Test::Cluster::get_free_port() } 1, 2;
    my $kafka = Outbox::Kafka->new(inner_port => $inner, proxy_port => $outer)->start;
    my $ahead = Outbox::Retelling->new(
        port => $outer, to => "127.0.0.1:$inner",
        says => sub { s/(\x02.{4}\x00\x08.{12})(.{8})/$1 . pack 'q>', 30_000 + unpack 'q>', $2/ges });
    $kafka->create_topic('outbox.probe', 1, 'message.timestamp.type=LogAppendTime');
    $node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA outbox TO relay; GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO relay');
    my $relay = Outbox::Relay->new($node, kafka => $kafka);
    $relay->start;
    $relay->wait_until_streaming($node);
    $doctor->{args} = [ '--brokers', "127.0.0.1:$outer" ];
    $doctor->tool('timedatectl', 'touch ' . $ahead->truth);
    $doctor->mends('kafka-clock', verdict => 'WARN', says => qr/^Kafka's clock is (?:29|30|31) s ahead of this machine's/, args => ['--probe'], break => sub { }, then => qr/agree/);
    $relay->terminate;
    $kafka->stop;
}

# ---- three brokers

{
    my $cluster = Outbox::KafkaCluster->new->start;
    $cluster->create_topic('orders', 2);
    my @tool = $cluster->node(1)->_java_command('org.apache.kafka.tools.reassign.ReassignPartitionsCommand');
    $doctor->tool('kafka-reassign-partitions.sh', join ' ', 'exec', (map { "'$_'" } @tool), '"$@"');
    $doctor->{args} = [ '--brokers', $cluster->brokers, '--topics', 'orders' ];
    $doctor->examine_until('replicas', 'OK');
    $doctor->found('replicas', 'OK', qr/a leader and its replicas/);
    $doctor->found('min-insync', 'OK', qr/fits/);
    $cluster->node(3)->kill_nine;
    wait_until { replicas() eq 'WARN' } 'a replica that is away is not seen', 60;
    $doctor->found('replicas', 'WARN', qr/a partition of topic "orders" has 2 of 3 replicas in sync/);
    $cluster->node(3)->start;
    wait_until { replicas() eq 'OK' } 'nor that it is back', 90;
    $doctor->found('replicas', 'OK', qr/./);

    # An operator reassigns the topic to one replica.
    my $said = '';
    IPC::Run::run([ @tool, '--bootstrap-server', $cluster->brokers, '--execute', '--reassignment-json-file', one_replica() ], '<', \'', '>&', \$said) or diag $said;
    wait_until { replicas() ne 'OK' } 'the replicas do not go', 60;
    $doctor->repair($doctor->found('replicas', 'WARN', qr/topic "orders" has 1 of 3 replicas: the loss of a broker loses the topic's events/));
    wait_until { replicas() eq 'OK' } 'the replicas do not come', 90;
    $doctor->found('replicas', 'OK', qr/./);
    $_->kill_nine for $cluster->nodes;    # brokers that stop in good order wait for each other
}

sub replicas {
    $doctor->examine;
    return $doctor->{report}{replicas}{verdict};
}

sub one_replica {
    my $path = PostgreSQL::Test::Utils::tempdir('plan') . '/plan.json';
    PostgreSQL::Test::Utils::append_to_file($path, '{"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1]},{"topic":"orders","partition":1,"replicas":[2]}]}');
    return $path;
}

done_testing();
