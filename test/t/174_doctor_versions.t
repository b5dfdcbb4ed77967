# `outbox-relay doctor` and versions with known holes: of PostgreSQL, and of Kafka (KAFKA-20734). The servers are those of this machine; a
# proxy before each tells another version, until the test has carried out the doctor's advice.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use Outbox::Retelling;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

BEGIN { delete $ENV{TLS} }    # the connections are this test's own

my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);

sub has_hole { my $doctor = Outbox::Doctor->new($node); $doctor->examine; return $doctor->{report}{version}{verdict} ne 'OK' }

# ---- PostgreSQL: the minor version, which a server tells when a session begins

{
    my $old = Outbox::Retelling->new(
        to => $node->host . '/.s.PGSQL.' . $node->port,
        says => sub { s/(server_version\0\d+\.)(\d+)/$1 . sprintf '%0*d', length $2, 1/e });
    my $doctor = Outbox::Doctor->new($node, dsn => "host=127.0.0.1 port=${\ $old->port} dbname=postgres user=relay sslmode=disable");
    my $major = $node->pg_version->major;
    SKIP: {
        skip 'no minor of this major has a hole that is known', 8 if $major > 18;
        skip 'this minor has the hole itself', 8 if has_hole();
        $doctor->tool('apt-get', "echo \"\$@\" >$doctor->{folder}/installed; touch " . $old->truth);
        $doctor->mends('version', verdict => 'WARN', says => qr/PostgreSQL $major\.1 can take a slot's confirmed position back.*; $major\.\d+ mends both/, break => sub { },
            then => qr/^PostgreSQL $major\.\d+ has no known fault/);
        is(PostgreSQL::Test::Utils::slurp_file("$doctor->{folder}/installed"), "install --only-upgrade postgresql-$major\n", 'what was pasted is the upgrade of this major');
    }
    my $ancient = Outbox::Retelling->new(to => $node->host . '/.s.PGSQL.' . $node->port, says => sub { s/(server_version\0)\d\d/${1}13/ });
    $doctor->{dsn} =~ s/port=\d+/port=${\ $ancient->port}/;
    $doctor->examine;
    $doctor->found('version', 'WARN', qr/PostgreSQL 13\.\d+ is not one of the majors that outbox is tested with, 14 to 19/);
}

# ---- Kafka: the highest metadata.version that the broker knows, 30 in 4.3, 33 in 4.4.0

my ($inner, $outer) = map { PostgreSQL::Test::Cluster::get_free_port() } 1, 2;
my $kafka = Outbox::Kafka->new(inner_port => $inner, proxy_port => $outer)->start;
my @exactly = ('--brokers', "127.0.0.1:$outer", '--delivery', 'exactly-once');
for my $level (30, 33) {
    my $broker = Outbox::Retelling->new(port => $outer, to => "127.0.0.1:$inner", says => sub { s/(metadata\.version..)../$1 . pack 'n', $level/se });
    my $doctor = Outbox::Doctor->new($node, args => \@exactly);
    my ($code) = $doctor->examine;
    my $finding = $doctor->found('kafka-version', 'WARN', qr/^broker 1 is of Kafka 4\.3 or 4\.4: .* can forget a commit .*KAFKA-20734/);
    like($finding->{then}, qr{docs/exactly-once\.md#when-a-broker-forgets-a-commit}, 'where it stands what to do');
    $broker->tell_the_truth;
    $doctor->examine;
    $doctor->found('kafka-version', 'OK', qr/no broker is of Kafka 4\.3 or 4\.4/);
}
{
    my $broker = Outbox::Retelling->new(port => $outer, to => "127.0.0.1:$inner", says => sub { s/metadata\.version/metadata.verzion/ });
    my $doctor = Outbox::Doctor->new($node, args => \@exactly);
    $doctor->examine;
    $doctor->found('kafka-version', 'SKIP', qr/no broker tells the version/);
    $doctor->{args} = [ @exactly[ 0, 1 ] ];
    $doctor->examine;
    $doctor->found('kafka-version', 'SKIP', qr/only exactly-once delivery has Kafka transactions/);
}
$kafka->stop;

# The broker's version over TLS.
{
    my $tls = Outbox::Tls->new;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $secured = Outbox::Kafka->new(listeners => ["MINE://127.0.0.1:$port"], protocols => ',MINE:SSL',
        properties => $tls->kafka_listener_settings('MINE', $tls->certificate('127.0.0.1', host => 'IP:127.0.0.1')))->start;
    my $doctor = Outbox::Doctor->new($node, args => [ '--brokers', "127.0.0.1:$port", '--delivery', 'exactly-once', '-X', 'security.protocol=ssl', '-X', 'ssl.ca.location=' . $tls->ca ]);
    $doctor->examine;
    $doctor->found('kafka-version', 'OK', qr/no broker is of Kafka 4\.3 or 4\.4/);
    $secured->stop;
}

done_testing();
