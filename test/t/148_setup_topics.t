# setup --topics-file creates missing topics with the file's properties, names the differences of existing topics without changing them, and writes
# the names to outbox.topics. It refuses an impossible file in one line, and --dry-run changes nothing.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('topics');
my $node = outbox_node('main', bare => 1);
my $kafka = Outbox::Kafka->new->start;
my $number = 0;

sub file {
    my ($text) = @_;
    my $path = "$folder/" . ++$number . '.toml';
    append_to_file($path, $text);
    return $path;
}
my @connections = ('--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers);
sub setup { return Outbox::Relay::call('setup', @connections, @_) }
sub rows { return $node->safe_psql('postgres', q{SELECT string_agg(name, ' ' ORDER BY name) FROM outbox.topics}) }

# The number of partitions of a topic, from the end offsets that the client prints.
sub partitions { my ($topic) = @_; return scalar grep { /^\Q$topic\E\b/ } split /\n/, $kafka->ends($topic) }

my $file = file("partitions = 3\n[orders]\n[invoice.created]\npartitions = 1\nmin_insync_replicas = 1\n");
my ($code, $out, $err) = setup('--topics-file', $file, '--dry-run');
is($code, 0, '--dry-run') or diag $err;
like($out, qr/^-- kafka-topics\.sh --bootstrap-server \S+ --create --topic orders --partitions 3$/m, 'prints what makes a topic,');
like($out, qr/^-- .* --topic invoice\.created --partitions 1 --config min\.insync\.replicas=1$/m, 'each with its own settings,');
like($out, qr/^INSERT INTO outbox\.topics .*'orders', 'invoice\.created'/m, 'and the statement');
is((setup('--topics-file', $file, '--dry-run'))[1], $out, 'twice the same: nothing was made');

($code, $out, $err) = setup('--topics-file', $file);
is($code, 0, 'setup') or diag $err;
like($out, qr/^created topic "\Q$_\E"$/m, "makes $_") for qw(orders invoice.created);
like($out, qr/^outbox\.topics has the topics of the file: emit\(\) refuses others$/m, 'and says what follows');
is(partitions('orders'), 3, 'with so many partitions');
is(partitions('invoice.created'), 1, 'and so many');
is(rows(), 'invoice.created orders', 'the table has the names');
my $refused = $node->psql('postgres', q{SELECT outbox.emit('ordres', 'k', '1')}, stderr => \my $words);
ok($refused != 0 && $words =~ /ordres|nearest|orders/, 'and emit() refuses others') or diag $words;

($code, $out) = setup('--topics-file', $file);
is($code, 0, 'once more');
like($out, qr/^topic "orders" is there$/m, 'nothing is made');
like($out, qr/^outbox\.topics has the topics of the file$/m, 'nor written');

$kafka->create_topic('there', 2);
$node->safe_psql('postgres', q{INSERT INTO outbox.topics (name) VALUES ('mine')});
($code, $out) = setup('--topics-file', file("[there]\npartitions = 4\nreplication_factor = 1\nmin_insync_replicas = 1\n[orders]\npartitions = 2\n"));
is($code, 0, 'topics that differ');
like($out, qr/^topic "there" has 2 partitions, and the file says 4: kafka-topics\.sh .* --alter --topic there --partitions 4 /m, 'too few partitions: the command');
like($out, qr/^topic "orders" has 3 partitions, and the file says 2: Kafka takes none away/m, 'too many');
is(partitions('there'), 2, 'nothing is changed');
like($out, qr/^outbox\.topics also has topics that the file does not name: invoice\.created, mine$/m, 'and what only the table has');
$kafka->configure_topic('there', 'min.insync.replicas=2');
($code, $out) = setup('--topics-file', file("[there]\nreplication_factor = 3\nmin_insync_replicas = 1\n"));
like($out, qr/^topic "there" has min\.insync\.replicas = 2, and the file says 1: kafka-configs\.sh .* --add-config min\.insync\.replicas=1$/m, 'its setting');
like($out, qr/^topic "there" has 1 replicas, and the file says 3: /m, 'its replicas');

# ---- errors

($code, $out, $err) = setup('--topics-file', file("[many]\nreplication_factor = 3\n"));
is($code, 1, 'more replicas than brokers');
like($err, qr/cannot create topic "many": .*replication factor/i, 'in Kafka\'s words');
unlike(rows(), qr/many/, 'which leaves outbox.topics as it was');
for my $case ([ 'a typing error', "[a]\npartition = 1\n", qr/:2: "partition" is no setting of a topic; the nearest that is: partitions/ ],
    [ 'a topic of the relay', "[\"outbox.dead-letter\"]\n", qr/"outbox\.dead-letter" is the relay's own/ ], [ 'no topic', '', qr/expected a table for each topic/ ],
    [ 'no TOML', "[a\n", qr/this is no TOML/ ]) {
    my ($name, $text, $pattern) = @$case;
    ($code, undef, $err) = setup('--topics-file', file($text));
    ok($code == 2 && $err =~ $pattern, "$name: refused") or diag "$code $err";
}
($code, undef, $err) = setup('--topics-file', '/no/such');
ok($code == 2 && $err =~ m{cannot read "/no/such"}, 'a file that is not there') or diag $err;
($code, undef, $err) = Outbox::Relay::call('setup', @connections[0, 1], '--topics-file', $file);
ok($code == 2 && $err =~ /--topics-file needs --brokers/, 'without brokers') or diag $err;
($code, undef, $err) = Outbox::Relay::call('setup', @connections[0, 1], '--brokers', '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port(), '--topics-file', $file);
is($code, 1, 'Kafka away') or diag $err;

# The hosted form has no table outbox.topics, and setup says so.
my $hosted = outbox_node('hosted', bare => 1);
my @hosted = ('setup', '--dsn', $hosted->connstr('postgres'), '--brokers', $kafka->brokers, qw(--plugin pgoutput --topics-file), $file);
for my $dry (['--dry-run'], []) {
    ($code, $out, $err) = Outbox::Relay::call(@hosted, @$dry);
    is($code, 0, 'the hosted form') or diag $err;
    unlike($out, qr/INSERT INTO outbox\.topics/, 'no statement for a table that it does not have');
    like($out, qr/this database has no table outbox\.topics: emit\(\) accepts every topic$/m, 'and it says so');
}
done_testing();
