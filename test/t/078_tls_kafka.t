# Kafka over TLS and SASL: with right certificates and passwords the relay delivers, by both deliveries; with wrong ones it delivers nothing, logs
# why, and waits. No output has a secret.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};    # this test has its own certificates
my ($ours, $others) = map { Outbox::Tls->new($_) } qw(ours others);
my $right = $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1');
my $expired = $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1', expired => 1);
my $elsewhere = $ours->certificate('elsewhere', host => 'DNS:elsewhere.example');
my ($client, $others_client) = map { $_->certificate('relay') } $ours, $others;
my $secret = 'canary-' . int(rand 1e9);

my %port = map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(TLS MUTUAL EXPIRED ELSEWHERE SASL);
my $jaas = 'org.apache.kafka.common.security';
my $kafka = Outbox::Kafka->new(
    scram => ["SCRAM-SHA-512=[name=relay,password=$secret]"],
    listeners => [ map { "$_://127.0.0.1:$port{$_}" } sort keys %port ],
    protocols => join('', map { ",$_:" . ($_ eq 'SASL' ? 'SASL_SSL' : 'SSL') } sort keys %port),
    properties => join '', $ours->kafka_listener_settings('TLS', $right), $ours->kafka_listener_settings('MUTUAL', $right, mutual => 1),
    $ours->kafka_listener_settings('EXPIRED', $expired), $ours->kafka_listener_settings('ELSEWHERE', $elsewhere),
    $ours->kafka_listener_settings('SASL', $right), <<"END");
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config=$jaas.plain.PlainLoginModule required user_relay="$secret";
listener.name.sasl.scram-sha-512.sasl.jaas.config=$jaas.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config=$jaas.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.oauthbearer.sasl.server.callback.handler.class=$jaas.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler
END
$kafka->start;

my $node = outbox_node('main', conf => "max_replication_slots = 40\nmax_wal_senders = 40\nmax_connections = 80\n");
my $folder = PostgreSQL::Test::Utils::tempdir('properties');
my (@relays, @outputs);

# relay(name, listener, properties): a relay with a slot and a property file of its own.
sub relay {
    my ($name, $listener, @properties) = @_;
    create_slot($node, $name);
    PostgreSQL::Test::Utils::append_to_file("$folder/$name", join "\n", @properties, '');
    push @relays, my $relay = Outbox::Relay->new($node, name => $name, kafka => "127.0.0.1:$port{$listener}",
        args => [ '--slot', $name, '--property-file', "$folder/$name", '--listen', '127.0.0.1:0' ]);
    return $relay;
}

sub metrics {
    my ($relay) = @_;
    my ($port) = $relay->log =~ /127\.0\.0\.1:(\d+)\b(?!.*refused)/ or return '';
    return join '', map { `curl -s http://127.0.0.1:$port/$_` } qw(metrics ready live);
}

my @tls = ('security.protocol=SSL', 'ssl.ca.location=' . $ours->ca);
my @certified = (@tls, "ssl.certificate.location=$client->{cert}", "ssl.key.location=$client->{key}");
my @sasl = ('security.protocol=SASL_SSL', 'ssl.ca.location=' . $ours->ca);
my @as_relay = ('sasl.username=relay', "sasl.password=$secret");
my @token = ('sasl.mechanisms=OAUTHBEARER', 'enable.sasl.oauthbearer.unsecure.jwt=true', 'sasl.oauthbearer.config=principal=relay');

# ---- right

my %right = (
    tls => [ 'TLS', @tls ],
    mutual => [ 'MUTUAL', @certified ],
    plain => [ 'SASL', @sasl, 'sasl.mechanisms=PLAIN', @as_relay ],
    oauthbearer => [ 'SASL', @sasl, @token ],
    (Outbox::Relay::knows_scram() ? (scram => [ 'SASL', @sasl, 'sasl.mechanisms=SCRAM-SHA-512', @as_relay ]) : ()),
);
$kafka->create_topic('orders');
my %relay = map { $_ => relay($_, @{ $right{$_} })->start } sort keys %right;
my $id = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
ok(wait_for_confirmation($node, $_), "$_: delivers") for sort keys %right;
is(scalar(grep { $_->{headers}[0][1] eq $id } $kafka->consume('orders')), scalar keys %right, 'the event has arrived from each');
push @outputs, map { slurp('/proc/' . $_->pid . '/cmdline'), metrics($_) } values %relay;
is($_->terminate, 0, 'it ends') for values %relay;

# Exactly-once delivery has a producer, a consumer and an admin client, which all must connect.
for my $name ('mutual', 'plain') {
    my ($listener) = @{ $right{$name} };
    my @kafka = ('--brokers', "127.0.0.1:$port{$listener}", '--property-file', "$folder/$name", '--delivery', 'exactly-once', '--slot', "${name}_once");
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @kafka);
    is($code, 0, "$name: setup for exactly-once delivery") or diag $err;
    push @outputs, $out, $err;
    my $relay = relay("${name}_of_once", $listener);
    splice @{ $relay->{command} }, 4;    # up to its --dsn
    push @{ $relay->{command} }, @kafka;
    $relay->start;
    my $event = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2')});
    ok(wait_for_confirmation($node, "${name}_once"), "$name: delivers exactly once");
    is(scalar(grep { $_->{headers}[0][1] eq $event } $kafka->consume('orders')), 1, 'the event');
    is($relay->terminate, 0, 'it ends');
}

# ---- wrong: relays run at the same time, each with one fault

my @wrong = (
    [ other_authority => 'TLS', [ 'security.protocol=SSL', 'ssl.ca.location=' . $others->ca ], qr/certificate verify failed|broker certificate could not be verified/ ],
    [ expired => 'EXPIRED', \@tls, qr/certificate (verify failed|has expired)|could not be verified/ ],
    [ other_host => 'ELSEWHERE', \@tls, qr/certificate verify failed|hostname mismatch|IP address mismatch|could not be verified/i ],
    [ no_certificate => 'MUTUAL', \@tls, qr/Kafka (cannot be reached|refuses)/ ],
    [ others_certificate => 'MUTUAL', [ @tls, "ssl.certificate.location=$others_client->{cert}", "ssl.key.location=$others_client->{key}" ], qr/Kafka (cannot be reached|refuses)/ ],
    [ wrong_password => 'SASL', [ @sasl, 'sasl.mechanisms=PLAIN', 'sasl.username=relay', "sasl.password=$secret-wrong" ], qr/[Aa]uthentication failed/ ],
    [ no_such_user => 'SASL', [ @sasl, 'sasl.mechanisms=PLAIN', 'sasl.username=stranger', "sasl.password=$secret" ], qr/[Aa]uthentication failed/ ],
    (Outbox::Relay::knows_scram() ? [ no_such_mechanism => 'SASL', [ @sasl, 'sasl.mechanisms=SCRAM-SHA-256', @as_relay ], qr/SCRAM-SHA-256|[Uu]nsupported/ ] : ()),    # without, the relay does not start
    [ plaintext_to_tls => 'TLS', [], qr/Kafka (cannot be reached|refuses)/ ],
);
my $before = () = $kafka->consume('orders');
my %case = map { $_->[0] => relay($_->[0], $_->[1], @{ $_->[2] })->start } @wrong;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '3')});
for my $case (@wrong) {
    my ($name, $sentence) = @$case[ 0, 3 ];
    my $relay = $case{$name};
    $relay->wait_for_log($sentence);
    ok($relay->alive, "$name: it says why and waits");
}
push @outputs, map { metrics($_) } values %case;
is(scalar(() = $kafka->consume('orders')), $before, 'nothing has arrived');
for my $name (map { $_->[0] } @wrong) {
    is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM pg_logical_slot_peek_changes('$name', NULL, NULL)"), 't', "$name: the slot keeps the event")
        if $case{$name}->kill_nine;
}

# ---- faults that the relay sees at its start

for my $case ([ 'an authority that is not there', qr/ssl\.ca\.location/, 'security.protocol=SSL', 'ssl.ca.location=/no/such.pem' ],
    [ 'OAUTHBEARER without a way to a token', qr/OAUTHBEARER.*sasl\.oauthbearer\.method/, @sasl, 'sasl.mechanisms=OAUTHBEARER' ],
    [ 'PLAIN without a password', qr/sasl\.password/, @sasl, 'sasl.mechanisms=PLAIN', 'sasl.username=relay' ]) {
    my ($name, $sentence, @properties) = @$case;
    my ($code, $out, $err) = Outbox::Relay::call('run', '--dsn', 'dbname=x', '--brokers', '127.0.0.1:1', map { ('-X', $_) } @properties);
    is($code, 2, "$name: exit 2");
    like($err, $sentence, 'with what is missing');
}

unlike($_, qr/canary/, 'no secret in an output') for @outputs, map { $_->whole_log } @relays;
done_testing();
