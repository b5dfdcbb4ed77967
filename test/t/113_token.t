# SASL/OAUTHBEARER at a real broker, with tokens that a command prints: each client gets a token, and a new one before the last expires; a command
# that fails or hangs does not keep the relay from ending. No output has a token. Kafka's password in a file of its own is tested, too.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};    # this test has its own listener
my $folder = PostgreSQL::Test::Utils::tempdir('tokens');
my $secret = 'canary-' . int(rand 1e9);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $jaas = 'org.apache.kafka.common.security';
my $kafka = Outbox::Kafka->new(listeners => ["SASL://127.0.0.1:$port"], protocols => ',SASL:SASL_PLAINTEXT', properties => <<"END");
listener.name.sasl.sasl.enabled.mechanisms=OAUTHBEARER,PLAIN
listener.name.sasl.plain.sasl.jaas.config=$jaas.plain.PlainLoginModule required user_relay="$secret";
listener.name.sasl.oauthbearer.sasl.jaas.config=$jaas.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl.oauthbearer.sasl.server.callback.handler.class=$jaas.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler
listener.name.sasl.oauthbearer.connections.max.reauth.ms=60000
END
$kafka->start;
$kafka->create_topic('orders');
my $node = outbox_node('main');
my $brokers = "127.0.0.1:$port";

# An unsigned token, valid for some seconds, as the broker's validator for tests accepts it.
append_to_file("$folder/token", <<'END');
echo x >>"$1/asked"
now=$(date +%s)
encode() { printf %s "$1" | base64 -w 0 | tr '+/' '-_' | tr -d '='; }
token=$(encode '{"alg":"none"}').$(encode "{\"sub\":\"relay\",\"iat\":$now,\"exp\":$((now + $2)),\"scope\":\"canary\"}").
if [ "$3" = json ]; then printf '{"access_token":"%s","expires_in":%s}\n' "$token" "$2"; else echo "$token"; fi
END
sub command { my (@how) = @_; return "sh '$folder/token' '$folder' @how" }
sub asked { return slurp("$folder/asked") =~ tr/x// }
my @oauth = ('-X', 'security.protocol=SASL_PLAINTEXT', '-X', 'sasl.mechanisms=OAUTHBEARER');
my @relays;

sub relay {
    my ($slot, @arguments) = @_;
    push @relays, my $relay = Outbox::Relay->new($node, name => $slot, kafka => $brokers, args => [ '--slot', "outbox_$slot", @arguments ]);
    return $relay;
}

# ---- both deliveries, both forms

my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--slot', 'outbox_exactly', '--delivery', 'exactly-once', '--brokers', $brokers, @oauth, '--token-command', command(600));
is($code, 0, 'setup for exactly-once delivery') or diag $err;
create_slot($node, "outbox_$_") for qw(least file failing);
my $least = relay('least', @oauth, '--token-command', command(12, 'json'))->start;
my $exactly = relay('exactly', '--delivery', 'exactly-once', @oauth, '--token-command', command(600))->start;
sub emit { return $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')}) }
emit();
ok(wait_for_confirmation($node, "outbox_$_"), "$_: delivers") for qw(least exactly);
is($exactly->terminate, 0, 'it ends');
my $before = asked();
wait_until { asked() > $before } 'another token is asked for before the last one expires';
emit();
ok(wait_for_confirmation($node, 'outbox_least'), 'and it delivers with that one');

# ---- a password in a file

append_to_file("$folder/password", "$secret\n");
my $file = relay('file', '-X', 'security.protocol=SASL_PLAINTEXT', '-X', 'sasl.mechanisms=PLAIN', '-X', 'sasl.username=relay', '-X', "sasl.password_file=$folder/password")->start;
ok(wait_for_confirmation($node, 'outbox_file'), "Kafka's password in a file of its own: delivers");

# ---- errors

my $failing = relay('failing', @oauth, '--token-command', "cat '$folder/password'; exit 3")->start;
$failing->wait_for_log(qr/the token command ended with exit status 3; run it as the relay's user to see why/);
ok($failing->alive, 'a command that fails: the relay says so and waits');
is($failing->terminate(15), 0, 'and ends when it is asked to');
$failing = relay('failing', @oauth, '--token-command', "cat '$folder/password'")->start;
$failing->wait_for_log(qr/the token command's output is not a token: the output does not say when the token expires/);
is($failing->terminate(15), 0, 'a command that prints something else: the same');
$failing = relay('failing', @oauth, '--token-command', "echo \$\$ >'$folder/hangs'; exec sleep 600")->start;
wait_until { slurp("$folder/hangs") =~ /\n/ } 'the command runs';
is($failing->terminate(15), 0, 'a command that hangs does not keep the relay from ending');
chomp(my $child = slurp("$folder/hangs"));
ok(!-e "/proc/$child", 'and ends with it');
($code, undef, $err) = Outbox::Relay::call('run', '--stdout=false', '--brokers', $brokers, '--token-command', 'true');
is($code, 2, 'a command without the mechanism is refused');
like($err, qr/--token-command needs sasl\.mechanisms=OAUTHBEARER/, 'with what it needs');

is($_->terminate, 0, 'it ends in good order') for $least, $file;
unlike($_->whole_log, qr/canary|eyJ/, 'no secret in a log') for @relays;
done_testing();
