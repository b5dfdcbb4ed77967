# Topics that have other names in Kafka than in emit(), for setup and the doctor, and the age of a backlog that waits in a slot of pgoutput.
use strict;
use warnings;

use Outbox::Doctor;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

BEGIN { delete $ENV{TLS} }    # the printed commands connect without TLS

my $kafka = Outbox::Kafka->new->start;
my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my %class = ('kafka-topics' => 'org.apache.kafka.tools.TopicCommand', 'kafka-configs' => 'kafka.admin.ConfigCommand');
my %tools = map { ("$_.sh" => join ' ', 'exec', (map { "'$_'" } $kafka->_java_command($class{$_})), '"$@"') } keys %class;
my @template = ('--topic-template', 'shop.{topic}.v1');

# ---- setup --topics-file

my $file = PostgreSQL::Test::Utils::tempdir('topics') . '/topics.toml';
append_to_file($file, "[orders]\npartitions = 2\n[invoice.sent]\n");
my @setup = ('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, '--topics-file', $file);
my ($code, $out, $err) = Outbox::Relay::call(@setup, @template, '--dry-run');
is($code, 0, 'setup --dry-run with a template') or diag $err;
like($out, qr/^-- kafka-topics\.sh .* --create --topic shop\.orders\.v1 --partitions 2$/m, 'prints the name that Kafka will have');
($code, $out, $err) = Outbox::Relay::call(@setup, @template);
is($code, 0, 'setup') or diag $err;
like($out, qr/^created topic "shop\.\Q$_\E\.v1"$/m, "makes $_ under that name") for qw(orders invoice.sent);
is($node->safe_psql('postgres', q{SELECT string_agg(name, ' ' ORDER BY name) FROM outbox.topics}), 'invoice.sent orders', 'emit() gets the names of the file');
($code, $out) = Outbox::Relay::call(@setup, '--topic-prefix', 'p.', '--dry-run');
like($out, qr/--topic p\.orders /, 'a prefix');
($code, undef, $err) = Outbox::Relay::call(@setup, '--topic-prefix', 'x' x 240);
ok($code == 2 && $err =~ /the name of "invoice\.sent" has 252 bytes, and Kafka takes 249/, 'a name that is too long in Kafka') or diag "$code $err";
append_to_file("$file.own", "[dead-letter]\n");
($code, undef, $err) = Outbox::Relay::call(@setup[ 0 .. $#setup - 1 ], "$file.own", '--topic-prefix', 'outbox.');
ok($code == 2 && $err =~ /"dead-letter" is the relay's own/, 'a name that is the relay\'s own in Kafka') or diag "$code $err";

# ---- the doctor

my $doctor = Outbox::Doctor->new($node, tools => \%tools, args => [ '--brokers', $kafka->brokers, '--topics', 'orders,invoice.*,gone', @template ]);
$doctor->mends('topics', break => sub { }, says => qr/topic "shop\.gone\.v1" does not exist/, then => qr/^3 topics: all are there/);
$doctor->mends('compaction', verdict => 'WARN', says => qr/"shop\.invoice\.sent\.v1" is compacted/, break => sub { $kafka->configure_topic('shop.invoice.sent.v1', 'cleanup.policy=compact') });
$node->safe_psql('postgres', q{GRANT USAGE ON SCHEMA outbox TO relay; GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO relay;
    INSERT INTO outbox.topics (name) VALUES ('outbox.probe')});
$doctor->examine('--probe');
$doctor->repair($doctor->found('probe', 'FAIL', qr/topic "shop\.outbox\.probe\.v1" does not exist/));
$doctor->mends('probe', says => qr/not in Kafka after 15 s/, args => ['--probe'], break => sub { }, then => qr/in Kafka \d+ ms after/);
$doctor->found('kafka-clock', 'OK', qr/agree/);
$doctor->end_relays;

# ---- how old is the backlog of a slot of pgoutput?

{
    my $hosted = outbox_node('hosted', bare => 1, conf => "fsync = off\n");
    ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $hosted->connstr('postgres'), '--plugin', 'pgoutput');
    is($code, 0, 'setup of the hosted form') or diag $err;
    $kafka->create_topic('orders');
    my $of = Outbox::Doctor->new($hosted, tools => \%tools, args => [ '--brokers', $kafka->brokers, '--topics', 'orders' ], dsn => $hosted->connstr('postgres'));
    $of->examine;
    $of->found('retention', 'OK', qr/longer than the backlog is old, 0 s/);
    # Older transactions of other programs count for nothing.
    $hosted->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'other', 'x')});
    $hosted->safe_psql('postgres', 'SELECT pg_sleep(1.2)');
    my $emitted = $hosted->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}'::jsonb); SELECT date_part('epoch', clock_timestamp())});
    my ($at_s) = $emitted =~ /([\d.]+)$/;
    $of->examine;
    $of->found('retention', 'OK', qr/longer than the backlog is old, [01] s/);
    $of->mends('retention', verdict => 'FAIL', says => qr/keeps events for 1 s, and the oldest that waits is [2-9] s old/, break => sub {
        $kafka->configure_topic('orders', 'retention.ms=1000');
        $hosted->poll_query_until('postgres', "SELECT date_part('epoch', clock_timestamp()) - $at_s > 2");
    });
    $hosted->safe_psql('postgres', 'DROP PUBLICATION outbox');
    $of->examine;
    $of->found('retention', 'SKIP', qr/publication "outbox" is missing/);
}

done_testing();
