# run, setup and skip log why Kafka cannot be reached, with the address. run waits; setup and skip end, after two seconds where the cause will not
# pass by itself. The loss of an idle connection is not logged.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

delete $ENV{TLS};    # this test has its own certificates
my ($ours, $others) = map { Outbox::Tls->new($_) } qw(ours others);
my $right = $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1');
my %certificate = (
    TLS => $right, MUTUAL => $right, SASL => $right,
    EXPIRED => $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1', expired => 1),
    ELSEWHERE => $ours->certificate('elsewhere', host => 'DNS:elsewhere.example'),
);
my $secret = 'canary-' . int(rand 1e9);
my %port = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } sort keys %certificate;
my $kafka = Outbox::Kafka->new(
    listeners => [ map { "$_://127.0.0.1:$port{$_}" } sort keys %port ],
    protocols => join('', map { ",$_:" . ($_ eq 'SASL' ? 'SASL_SSL' : 'SSL') } sort keys %port),
    properties => join '', (map { $ours->kafka_listener_settings($_, $certificate{$_}, mutual => $_ eq 'MUTUAL') } sort keys %port), <<"END");
connections.max.idle.ms=1000
listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_relay="$secret";
END
$kafka->start;
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
create_slot($node);

# ---- no broker

my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $relay = Outbox::Relay->new($node, name => 'nowhere', kafka => $nowhere)->start;
$relay->wait_for_log(qr/Kafka cannot be reached at \Q$nowhere\E: Connection refused; waiting for it/);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
sleep 3;    # of attempts
is($relay->count_log(qr/cannot be reached/), 1, 'a wrong port is said with address and reason, once') or diag $relay->log;
is($relay->kill_nine, 'signal 9', 'it waits');
$relay = Outbox::Relay->new($node, name => 'noname', kafka => 'no-such-host.invalid:9092')->start;
$relay->wait_for_log(qr/Kafka cannot be reached at no-such-host\.invalid:9092: .*resolve/);
pass('so is a name that nobody knows');
$relay->kill_nine;

$relay = Outbox::Relay->new($node, name => 'postgresql', kafka => '127.0.0.1:' . $node->port)->start;
$relay->wait_for_log(qr/Kafka cannot be reached at .*: what answers there is no Kafka broker/);
pass('so is a port of something else');
$relay->kill_nine;
$relay = Outbox::Relay->new($node, name => 'controller', kafka => "127.0.0.1:$kafka->{controller}")->start;
$relay->wait_for_log(qr/producer failed: .*a controller of KRaft answers like this, too: see the port/);
pass('and so is that of a controller');
$relay->kill_nine;

# ---- refused: run waits, setup and skip do not

my @tls = ('security.protocol=SSL', 'ssl.ca.location=' . $ours->ca);
my @wrong = (
    [ 'another authority', 'TLS', 'security.protocol=SSL', 'ssl.ca.location=' . $others->ca ],
    [ 'an expired certificate', 'EXPIRED', @tls ],
    [ 'a certificate of another host', 'ELSEWHERE', @tls ],
    [ 'no client certificate', 'MUTUAL', @tls ],
    [ 'plain text to TLS', 'TLS' ],
    [ 'a wrong password', 'SASL', 'security.protocol=SASL_SSL', 'ssl.ca.location=' . $ours->ca, 'sasl.mechanisms=PLAIN', 'sasl.username=relay', "sasl.password=$secret-wrong" ],
);
my $folder = PostgreSQL::Test::Utils::tempdir('properties');
my $number = 0;
for my $case (@wrong) {
    my ($name, $listener, @properties) = @$case;
    my $file = "$folder/" . $number++;
    PostgreSQL::Test::Utils::append_to_file($file, join "\n", @properties, '');
    my @options = ('--dsn', $node->connstr('postgres'), '--brokers', "127.0.0.1:$port{$listener}", '--property-file', $file);
    for my $command ([qw(setup --delivery exactly-once)], [qw(skip --id 01a20c11-09d4-7b9d-95a5-66f7b2170e7a)]) {
        my $start = time;
        my ($code, undef, $err) = Outbox::Relay::call(@$command, @options);
        my $seconds = time - $start;
        is($code, 1, "$name: $command->[0] ends") or diag $err;
        like($err, qr/Kafka refuses the connection at 127\.0\.0\.1:$port{$listener}: \S/, "$name: with the reason");
        cmp_ok($seconds, '<', 20, "$name: at once") or diag $seconds;
        unlike($err, qr/\Q$secret\E/, "$name: without a secret");
    }
}

# ---- idle

$kafka->create_topic('orders');
$relay = Outbox::Relay->new($node, name => 'idle', kafka => $kafka)->start;
ok(wait_for_confirmation($node), 'it delivers');
for (1 .. 3) {
    sleep 2.5;    # more than the broker leaves a connection idle
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    ok(wait_for_confirmation($node), 'and again after a pause');
}
is($relay->count_log(qr/Kafka (cannot|refuses|accepts)/), 0, 'connections that end because they are idle are no matter') or diag $relay->log;
is($relay->terminate, 0, 'it ends in good order');

done_testing();
