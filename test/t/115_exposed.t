# Every user of the machine can read a file with a secret: at its start the relay logs this once, with the command that mends it, and without the
# secret.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};
my $folder = PostgreSQL::Test::Utils::tempdir('exposed');
my $node = outbox_node('main');
create_slot($node);
my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();

sub file {
    my ($name, $text) = @_;
    append_to_file("$folder/$name", $text);
    return "$folder/$name";
}
my $password = file('password', "canary-1\n");
my $secret = file('sasl', "canary-2\n");
my $properties = file('properties', "security.protocol=SASL_PLAINTEXT\nsasl.mechanisms=PLAIN\nsasl.username=me\nsasl.password=canary-3\n");
my $plain = file('plain', "linger.ms=5\n");
my %config = (
    'with a password' => file('dsn.toml', 'dsn = "' . $node->connstr('postgres') . qq{ user=relay password=canary-4"\n}),
    'with a property' => file('kafka.toml', qq{[kafka]\n"security.protocol" = "SASL_PLAINTEXT"\n"sasl.mechanisms" = "PLAIN"\n"sasl.username" = "me"\n"sasl.password" = "canary-5"\n}),
    'with the name of a file' => file('file.toml', qq{[kafka]\n"security.protocol" = "SASL_PLAINTEXT"\n"sasl.mechanisms" = "PLAIN"\n"sasl.username" = "me"\n"sasl.password_file" = "$secret"\n}),
);

my $number = 0;

# The warnings of a relay with these options, whose files have this mode.
sub warnings_of {
    my ($mode, @args) = @_;
    chmod($mode, glob "$folder/*") or die $!;
    my $relay = Outbox::Relay->new($node, name => 'relay' . ++$number, kafka => $nowhere, args => \@args);
    splice @{ $relay->{command} }, 2, 2 if grep { /dsn\.toml/ } @args;    # the file says it
    $relay->start->wait_for_log(qr/streaming from slot|waiting/);
    $relay->signal($_) for qw(TERM TERM);
    $relay->wait_for_exit(30);
    unlike($relay->log, qr/canary/, 'no secret in the log');
    return [ sort map { /warning +"(.*?)" has (.*?), and every user of this machine can read it: chmod o-r '\1'$/ ? "$1: $2" : () } split /\n/, $relay->log ];
}

for my $case (
    [ 'the password', ["$password: PostgreSQL's password"], '--password-file', $password ],
    [ 'properties with a password', ["$properties: sasl.password"], '--property-file', $properties ],
    [ 'properties without', [], '--property-file', $plain ],
    [ 'a file of settings with a password', ["$config{'with a password'}: PostgreSQL's password"], '--config', $config{'with a password'} ],
    [ 'a file of settings with a property', ["$config{'with a property'}: sasl.password"], '--config', $config{'with a property'} ],
    [ 'a file that another one names', ["$secret: sasl.password"], '--config', $config{'with the name of a file'} ]) {
    my ($name, $expected, @args) = @$case;
    is_deeply(warnings_of(0644, @args), $expected, "$name: everybody can read it");
    is_deeply(warnings_of(0640, @args), [], 'a group may') if @$expected;
}
done_testing();
