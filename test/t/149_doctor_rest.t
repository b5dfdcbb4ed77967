# `outbox-relay doctor`: checks that need other servers: a standby, a broker that is not reached at its advertised address, three brokers of which one
# is away, a certificate that expires soon. The test causes each finding, carries out what the doctor prints, and the check passes.
use strict;
use warnings;

use IPC::Run ();
use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::KafkaCluster;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
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
    my ($code) = $doctor->examine;
    is($code, 10, 'a broker that is not reached: exit code 10');
    my $finding = $doctor->found('brokers', 'FAIL', qr/broker \d+ is not reached at \S+:$outer, where the cluster says it is/);
    like($finding->{repair}[0], qr/^nc -vz \S+ $outer$/, 'how to see the same');
    my $proxy = Outbox::Proxy->new(kafka => [ "127.0.0.1", $outer, $inner ]);
    $doctor->examine;
    $doctor->found('brokers', 'OK', qr/each broker answers/);
    $kafka->stop;
}

# ---- certificates

{
    my $tls = Outbox::Tls->new;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $kafka = Outbox::Kafka->new(listeners => ["MINE://127.0.0.1:$port"], protocols => ',MINE:SSL',
        properties => $tls->kafka_listener_settings('MINE', $tls->certificate('127.0.0.1', host => 'IP:127.0.0.1')))->start;
    $doctor->{args} = [ '--brokers', "127.0.0.1:$port", '-X', 'security.protocol=SSL', '-X', 'ssl.ca.location=' . $tls->ca ];
    $doctor->examine;
    $doctor->found('certificates', 'WARN', qr/the certificate of .* ends in [01] days/);
    $kafka->stop;
}

# ---- three brokers

{
    my $cluster = Outbox::KafkaCluster->new->start;
    $cluster->create_topic('orders', 2);
    my @tool = $cluster->node(1)->_java_command('org.apache.kafka.tools.reassign.ReassignPartitionsCommand');
    $doctor->tool('kafka-reassign-partitions.sh', join ' ', 'exec', (map { "'$_'" } @tool), '"$@"');
    $doctor->{args} = [ '--brokers', $cluster->brokers, '--topics', 'orders' ];
    $doctor->examine;
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
    $doctor->repair($doctor->found('replicas', 'WARN', qr/topic "orders" has 1 of 3 replicas: with a broker its events are lost/));
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
