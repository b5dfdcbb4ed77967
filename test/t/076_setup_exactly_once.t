# setup for exactly-once delivery tries every right in Kafka before it creates the slot, and several setups at the same time write one position.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', bare => 1);
my $kafka = Outbox::Kafka->new(acls => 1)->start;
my $folder = PostgreSQL::Test::Utils::tempdir('setup');
my @setup = ('setup', '--dsn', $node->connstr('postgres'), '--delivery', 'exactly-once', '--brokers');
my $calls = 0;

sub start {
    my $file = "$folder/" . ++$calls;
    return (Outbox::Process->spawn(command => [ $ENV{OUTBOX_RELAY}, @setup, @_ ], name => 'setup', stdout => $file, stderr => $file), sub { slurp($file) });
}
sub is_untouched {
    my ($case) = @_;
    is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, "$case: there is no slot");
    return;
}

# Kafka is away.
my ($process) = start('127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port());
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE state = 'idle' AND query ~ 'pg_replication_slots'}),
    'setup has looked at the server and asks Kafka');
wait_until { my @threads = glob '/proc/' . $process->pid . '/task/*'; @threads > 2 } 'librdkafka is at work';
is_untouched('Kafka away');
$process->signal('TERM');
is($process->wait_for_exit(10), 143, 'a signal ends it');
is_untouched('and afterwards');

# Kafka has the topic and refuses Kafka transactions.
my @rule = ('--allow-principal', 'User:another', '--operation', 'Write', '--transactional-id', 'outbox-', '--resource-pattern-type', 'prefixed');
$kafka->change_rules('--add', @rule);
my ($refused, $said) = start($kafka->brokers);
is($refused->wait_for_exit(40), 1, 'setup ends where Kafka refuses transactions');
like($said->(), qr/Transactional Id authorization failed/i, 'and says so');
is_untouched('transactions refused');
$kafka->change_rules('--remove', '--force', @rule);

# Several setups run at the same time.
my @all = map { [ start($kafka->brokers) ] } 1 .. 3;
is_deeply([ map { $_->[0]->wait_for_exit(60) } @all ], [ 0, 0, 0 ], 'several setups at once do no harm') or diag map { $_->[1]->() } @all;
is(scalar(grep { $_->[1]->() =~ /exactly-once delivery goes on from/ } @all), 1, 'one of them writes the position');
$kafka->create_topic('orders');
sub emit { my ($key) = @_; return $node->safe_psql('postgres', "SELECT outbox.emit('orders', '$key', '1')") }
my $id = emit('first');
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--delivery exactly-once)])->start;
ok(wait_for_confirmation($node), 'and a relay delivers from there');
is_deeply([ map { $_->{headers}[0][1] } $kafka->consume('orders') ], [$id], 'the event, once');
is($relay->terminate, 0, 'it ends in good order');

# Kafka does not let setup read the topic's configuration.
$kafka->change_rules('--add', '--allow-principal', 'User:*', '--operation', 'All', '--topic', 'outbox.state');
$kafka->change_rules('--add', '--deny-principal', 'User:*', '--operation', 'DescribeConfigs', '--topic', 'outbox.state');
for my $slot (qw(outbox second)) {
    my ($process, $said) = start($kafka->brokers, '--slot', $slot);
    is($process->wait_for_exit(60), 0, "$slot: setup goes on where it may not look at the state topic's configuration") or diag $said->();
    like($said->(), qr/cannot look whether the state topic "outbox\.state" has cleanup\.policy=compact: .*Allow DescribeConfigs on it/, 'and says so');
}
emit('second');
my $second = Outbox::Relay->new($node, name => 'second', kafka => $kafka, args => [qw(--delivery exactly-once --slot second)])->start;
ok(wait_for_confirmation($node, 'second'), 'and a relay delivers from there');
is($second->terminate, 0, 'it ends in good order');

done_testing();
