# Settings come from a file, from variables, which override the file, and from flags, which override both. Errors have the place and the nearest name,
# config show prints settings with their origin and without secrets, and a relay runs with a file alone.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('config');
my $file = "$folder/relay.toml";
my $secret = 'canary-' . int(rand 1e9);

sub write_config {
    my ($text) = @_;
    unlink $file;
    append_to_file($file, $text);
    return;
}

# The output of every call, in which the test looks for the secret at the end.
my $said = '';

sub call {
    my (@arguments) = @_;
    my ($code, $out, $err) = Outbox::Relay::call(@arguments);
    $said .= $out . $err;
    return ($code, $out, $err);
}

sub refused {
    my ($name, $text, $pattern, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    write_config($text);
    for my $command ([ 'run', '--stdout' ], [ qw(config check --stdout) ]) {
        my ($code, $out, $err) = call(@$command, '--config', $file, @arguments);
        ok($code eq '2' && $out eq '' && $err =~ /\A[^\n]+\n\z/ && $err =~ $pattern, "$name: @$command refuses it") or diag "exit code $code, it says: $err$out";
    }
    return;
}

# ---- errors

refused('an unknown key', "# settings\nbroker = \"kafka:9092\"\n", qr/\Q$file\E:2: "broker" is no setting of outbox-relay; the nearest that is: brokers$/);
refused('a key with hyphens', "max-in-flight-bytes = 70000\n", qr/:1: .*max_in_flight_bytes/);
refused('a number in quotes', "\ncommit_interval_ms = \"50\"\n", qr/:2: commit_interval_ms: expected a number$/);
refused('a text that is a number', "slot = 1\n", qr/:1: slot: expected a text in quotes$/);
refused('a switch that is a text', "takeover = \"true\"\n", qr/:1: takeover: expected true or false$/);
refused('a number out of range', "commit_interval_ms = 0\n", qr/:1: commit_interval_ms: expected a number of milliseconds from 1 to 10000$/);
refused('a value that a flag replaces', "slot = \"BAD\"\n", qr/:1: slot: expected a slot name/, qw(--slot good));
refused('no TOML', "slot = outbox\n", qr/:1: this is no TOML/);
refused('no TOML, with a password', "dsn = \"password=$secret\n", qr/:1: this is no TOML/);
refused('a property that librdkafka does not know', "brokers = \"kafka:9092\"\nstdout = false\n[kafka]\nlinger = 5\n", qr/"linger" is not a property/, '--stdout=false');
refused('a locked property', "brokers = \"kafka:9092\"\n[kafka]\nacks = 1\n", qr/"acks" is locked/, '--stdout=false');
for my $path ($folder, "$folder/none") {
    my ($code, undef, $err) = call(qw(run --stdout --config), $path);
    is($code, 2, 'what cannot be read: exit 2');
    like($err, qr/cannot read "\Q$path\E"/, 'and its name');
}

# ---- nearest names of flags and commands

for my $case ([ [qw(run --slto x)], qr/--slto is no option of run; the nearest that is: --slot$/ ], [ ['rnu'], qr/unknown command "rnu", the nearest is run; expected run, / ],
    [ [qw(config shwo)], qr/unknown command "shwo", the nearest is show; expected show or check$/ ], [ ['config'], qr/expected show or check$/ ]) {
    my ($arguments, $pattern) = @$case;
    my ($code, undef, $err) = call(@$arguments);
    ok($code == 2 && $err =~ $pattern, "@$arguments: refused, with the nearest name") or diag $err;
}
my (undef, undef, $words) = call('run', "--pasword=$secret", $secret);
like($words, qr/--pasword is no option of run/, 'an unknown flag is said without its value');

# ---- which settings are in force, and their origin

write_config(<<"END");
dsn = "postgresql://me:$secret\@127.0.0.1:5433/app"
slot = "of_file"
brokers = ["a:9092", "b:9092"]
log_level = "debug"
commit_interval_ms = 70

[kafka]
security.protocol = "SASL_SSL"
"sasl.password" = "$secret"
linger.ms = 7
END
append_to_file("$folder/properties", "linger.ms=8\n");
{
    local %ENV = (%ENV, OUTBOX_CONFIG => $file, OUTBOX_LOG_LEVEL => 'warn', OUTBOX_COMMIT_INTERVAL_MS => '80');
    my @arguments = (qw(config show --commit-interval-ms 90 -X batch.size=1000 --property-file), "$folder/properties");
    my ($code, $out) = call(@arguments, '--origin');
    is($code, 0, 'config show');
    my %line = map { /^(?:# )?"?([\w.]+)"? = (.*?)  # (.*)$/ ? ($1 => "$2 from $3") : () } split /\n/, $out;
    is($line{config}, qq("$file" from OUTBOX_CONFIG), 'it shows the file,');
    is($line{slot}, qq("of_file" from $file:2), 'what only the file has, with its line,');
    is($line{brokers}, qq("a:9092,b:9092" from $file:3), 'an array,');
    is($line{log_level}, '"warn" from OUTBOX_LOG_LEVEL', 'what a variable has, though the file has it as well,');
    is($line{commit_interval_ms}, '90 from --commit-interval-ms', 'what a flag has, though both have it as well,');
    is($line{state_topic}, '"outbox.state" from default', 'what nobody has said,');
    is($line{dsn}, qq("user=me password=*** dbname=app host=127.0.0.1 port=5433" from $file:1), 'the connection without its password,');
    is($line{'sasl.password'}, qq("***" from $file:9), 'a property without its secret,');
    is($line{'linger.ms'}, qq("8" from $folder/properties), 'a property of the property file, which is stronger than [kafka],');
    is($line{'batch.size'}, '"1000" from --property', 'and one of a flag');

    my (undef, $json) = call(@arguments, '--json');
    my $all = decode_json($json);
    is_deeply($all->{commit_interval_ms}, { value => 90, origin => '--commit-interval-ms' }, 'the same as JSON');
    is_deeply($all->{listen}, { value => undef, origin => 'default' }, 'with null for what has no value');
    is_deeply($all->{kafka}{'sasl.password'}, { value => '***', origin => "$file:9" }, 'and no secret');

    my ($plain) = (call(@arguments))[1];
    unlike($plain, qr/  # /, 'without --origin no origins');
}
sub lines_of { return sort grep { !/^# config|^dsn|^"sasl\.password"|^$/ } split /\n/, shift }
my (undef, $shown) = call(qw(config show --config), $file);
append_to_file("$folder/again.toml", $shown);
my (undef, $again) = call(qw(config show --config), "$folder/again.toml");
is_deeply([ lines_of($again) ], [ lines_of($shown) ], 'what is shown is a file of settings that says the same');
is((call(qw(config check --config), $file, '-X', 'sasl.username=me', '-X', 'sasl.mechanisms=PLAIN'))[0], 0, 'config check takes it');
is((call(qw(health --config), $file))[0], 2, 'health needs an address, and the file has none');

# ---- a relay with a file alone

my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
my $node = outbox_node('main');
my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'setup') or diag $err;
my $brokers = join ', ', map { "\"$_\"" } split /,/, $kafka->brokers;
my $tls = $ENV{TLS} ? join '', map { s/=(.*)/ = "$1"\n/r } Outbox::Tls::everywhere()->kafka_client_properties : '';
write_config('dsn = "' . $node->connstr('postgres') . " user=relay\"\nbrokers = [$brokers]\ndelivery = \"exactly-once\"\n\n[kafka]\nclient.id = \"by-file\"\n$tls");
chmod 0640, $file;
my $relay = Outbox::Relay->new($node);
$relay->{command} = [ $ENV{OUTBOX_RELAY}, 'run', '--config', $file ];
$relay->start;
my $id = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
ok(wait_for_confirmation($node), 'a relay runs by its file');
is(scalar(grep { $_->{headers}[0][1] eq $id } $kafka->consume('orders')), 1, 'and delivers');
like($relay->log, qr/, exactly once$/m, 'as the file says');
is($relay->terminate, 0, 'it ends');

unlike($said, qr/canary/, 'no secret was said');
done_testing();
