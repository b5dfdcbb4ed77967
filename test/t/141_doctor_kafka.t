# `outbox-relay doctor` and Kafka: the test causes each finding in a real cluster, carries out the printed commands with Kafka's own tools, and the
# check passes.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(ask);
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

BEGIN { delete $ENV{TLS} }    # the connections are this test's own

my $tls = Outbox::Tls->new;
my ($good, $late) = map { $tls->certificate('127.0.0.1', host => 'IP:127.0.0.1', expired => $_) } 0, 1;
my ($secured, $expired) = map { PostgreSQL::Test::Cluster::get_free_port() } 1, 2;
my $kafka = Outbox::Kafka->new(
    acls => 1, listeners => [ "MINE://127.0.0.1:$secured", "LATE://127.0.0.1:$expired" ], protocols => ',MINE:SSL,LATE:SSL',
    properties => $tls->kafka_listener_settings('MINE', $good) . $tls->kafka_listener_settings('LATE', $late))->start;
my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my %class = ('kafka-topics' => 'TopicCommand', 'kafka-acls' => 'AclCommand', 'kafka-configs' => 'ConfigCommand');
my $doctor = Outbox::Doctor->new(
    $node, args => [ '--brokers', $kafka->brokers, '--topics', 'orders,invoice.*' ],
    tools => { map { ("$_.sh" => join ' ', 'exec', (map { "'$_'" } $kafka->_java_command(($_ eq 'kafka-configs' ? 'kafka.admin.' : 'org.apache.kafka.tools.') . $class{$_})), '"$@"') } keys %class });

# ---- no Kafka

{
    local $doctor->{args} = [ '--brokers', '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port(), '--topics', 'orders' ];
    $doctor->examine;
}
$doctor->found('kafka-connection', 'FAIL', qr/cannot be reached.*refused/i);
$doctor->found($_, 'SKIP', qr/no connection to Kafka/) for qw(brokers topics replicas retention);
$doctor->found('slot', 'OK', qr/./);
{
    my $alone = Outbox::Doctor->new($node);
    $alone->examine;
    $alone->found('kafka-connection', 'SKIP', qr/--brokers is not given/);
}

# ---- topics

$kafka->create_topic('invoice.sent');
my $finding = $doctor->mends('topics', break => sub { }, says => qr/topic "orders" does not exist/, then => qr/2 topics: all are there/);
my ($code, $report) = $doctor->examine;
is($code, 0, 'nothing fails: exit code 0');
my $asks_rights = Outbox::Relay::librdkafka_is_from(2, 3);
$doctor->found($_, 'OK', qr/./) for qw(librdkafka kafka-connection brokers topics replicas unclean-election max-message-bytes compaction retention min-insync);
$doctor->found('state-topic', 'SKIP', qr/only exactly-once/);
$doctor->found('certificates', 'SKIP', qr/no certificates/);

$doctor->found('topic-rights', 'SKIP', qr/this librdkafka .* cannot be asked/) if !$asks_rights;
$doctor->mends('topic-rights', says => qr/may not write to topic "orders"/, break => sub { $kafka->reserve_topic('orders', 'somebody') },
    between => sub { $_[0]{repair}[0] =~ s/User:outbox-relay/User:ANONYMOUS/ }) if $asks_rights;
$kafka->free_topic('orders', $_) for qw(somebody ANONYMOUS);
$doctor->mends('min-insync', says => qr/wants min\.insync\.replicas = 2 and has 1 in sync: Kafka refuses/, break => sub { $kafka->configure_topic('orders', 'min.insync.replicas=2') });
$doctor->mends('unclean-election', verdict => 'WARN', says => qr/"invoice\.sent" has unclean/, break => sub { $kafka->configure_topic('invoice.sent', 'unclean.leader.election.enable=true') });
$doctor->mends('max-message-bytes', verdict => 'WARN', says => qr/takes 200000 bytes.*emit\(\) 921600/, break => sub { $kafka->configure_topic('orders', 'max.message.bytes=200000') });
$doctor->mends('max-message-bytes', verdict => 'WARN', says => qr/emit\(\) 2097152/,
    break => sub { $node->safe_psql('postgres', q{LOAD 'outbox'; ALTER DATABASE postgres SET outbox.max_event_bytes = '2MB'}) },
    between => sub { like($_[0]{then}, qr/^run the relay with -X message\.max\.bytes=2199552$/, 'the relay has a limit of its own') },
    args_after => [qw(-X message.max.bytes=2199552)]);
$doctor->examine;
$doctor->found('max-message-bytes', 'WARN', qr/the relay takes 1000000 bytes.*emit\(\) 2097152/);
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET outbox.max_event_bytes');
$doctor->mends('compaction', verdict => 'WARN', says => qr/"orders" is compacted/, break => sub { $kafka->configure_topic('orders', 'cleanup.policy=compact') });
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}')});
$doctor->mends('retention', verdict => 'FAIL', says => qr/keeps events for 1 s, and the oldest that waits is/, break => sub {
    $kafka->configure_topic('orders', 'retention.ms=1000');
    $node->poll_query_until('postgres', q{SELECT clock_timestamp() - (data::json ->> 'ts')::timestamptz > '1.5 s' FROM pg_logical_slot_peek_changes('outbox', NULL, 1) LIMIT 1});
});

# ---- an event end to end

my $relay = Outbox::Relay->new($node, kafka => $kafka);
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA outbox TO relay; GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO relay');
$doctor->found('probe', 'SKIP', qr/only --probe/);
$doctor->mends('probe', says => qr/"outbox\.probe" does not exist/, args => ['--probe'], break => sub { }, after => sub { $relay->start; $relay->wait_until_streaming($node) },
    then => qr/in Kafka \d+ ms after its commit/);
$doctor->found('kafka-clock', 'OK', qr/agree/);
$relay->terminate;
$doctor->mends('probe', says => qr/was committed and is not in Kafka after 15 s/, args => ['--probe'], break => sub { }, then => qr/in Kafka \d+ ms after/);
$doctor->end_relays;
$doctor->found('standby', 'SKIP', qr/names no standby/);

# ---- a relay that waits

my $port = PostgreSQL::Test::Cluster::get_free_port();
my $waits = Outbox::Relay->new($node, kafka => $kafka, name => 'waits', args => [ '--listen', "127.0.0.1:$port" ]);
my @listen = ('--listen', "127.0.0.1:$port");
$doctor->found('relay-waits', 'SKIP', qr/without --listen/);
$doctor->examine(@listen);
$doctor->found('relay-waits', 'SKIP', qr/does not answer at 127\.0\.0\.1:$port/);
$waits->start;
$doctor->mends('relay-waits', args => \@listen, says => qr/the relay says: waiting for topic "nowhere"/, break => sub {
    $node->safe_psql('postgres', q{SELECT outbox.emit('nowhere', 1, '{}')});
    wait_until { ask($waits, '/status')->{content} =~ /"waiting_for":\s*"waiting for topic/ } 'the relay does not tell what it waits for';
}, after => sub { wait_for_confirmation($node) }, then => qr/the relay says: streaming/);
$waits->terminate;
{
    local $doctor->{args} = [ '--brokers', $kafka->brokers ];
    $doctor->examine;
    $doctor->found('topics', 'SKIP', qr/neither --topics nor outbox\.topics names a topic/);
    $node->safe_psql('postgres', q{INSERT INTO outbox.topics (name) VALUES ('orders'), ('declared'); GRANT SELECT ON outbox.topics TO relay});
    $doctor->mends('topics', break => sub { }, says => qr/topic "declared" does not exist/, then => qr/2 topics: all are there/);
    $node->safe_psql('postgres', 'TRUNCATE outbox.topics');
}

# ---- exactly once

my @exactly = qw(--delivery exactly-once);
$doctor->mends('state-topic', says => qr/state topic "outbox\.state" does not exist/, args => \@exactly, break => sub { });
$doctor->mends('state-topic', says => qr/is not compacted/, args => \@exactly, break => sub { $kafka->configure_topic('outbox.state', 'cleanup.policy=delete') });
$doctor->mends('state-topic', says => qr/has 2 partitions/, args => \@exactly, break => sub { $kafka->add_partitions('outbox.state', 2) });

# ---- certificates

my @tls = ('--brokers', "127.0.0.1:$secured", '-X', 'security.protocol=SSL', '-X', 'ssl.ca.location=' . $tls->ca);
$doctor->{args} = [ '--topics', 'orders' ];
$doctor->examine(@tls);
$doctor->found('kafka-connection', 'OK', qr/answers/);
$doctor->found('certificates', 'WARN', qr/the certificate of .* expires in [01] days/);
$tls[1] = "127.0.0.1:$expired";
$doctor->examine(@tls);
$doctor->found('kafka-connection', 'FAIL', qr/certificate/);

done_testing();
