# A program emits, the relay delivers at least once, and a consumer with a PostgreSQL of its own processes each event once, by outbox.first_time().
# The test kills relay and consumer, fifty times together; an event that is in Kafka twice is in the consumer's table once.
#
# The consumer is the program of docs/inbox.md, read out of the page. Its database has outbox_ext/inbox.sql and not the extension. The consumer
# commits its offsets only now and then here, so it reads more events twice.
# Takes long.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(random_seed slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'the consumer has no certificates here' if $ENV{TLS};

my $kills = 50;
my $here = dirname(__FILE__);
my $python = '/usr/bin/python3';    # for which the Makefile fetches packages

random_seed();
my $folder = PostgreSQL::Test::Utils::tempdir('first_time');
my $log = "$PostgreSQL::Test::Utils::log_path/190_first_time_consumer.log";
my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 3);
create_slot($node);
$node->safe_psql('postgres', 'CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text)');
$node->safe_psql('postgres', 'CREATE ROLE billing LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE consumer');
$node->safe_psql('consumer', slurp("$here/../../outbox_ext/inbox.sql"));
$node->safe_psql('consumer', 'CREATE TABLE invoices (order_id int NOT NULL); GRANT SELECT, INSERT ON invoices TO billing;
    GRANT USAGE ON SCHEMA outbox TO billing; GRANT EXECUTE ON FUNCTION outbox.first_time(text, uuid) TO billing');

# ---- the servers and programs

my ($consumer_py) = map { $_->{text} } grep { $_->{language} eq 'python' } Outbox::Page->read("$here/../../docs/inbox.md")->blocks;
$consumer_py =~ s/"group.id": "billing"/"group.id": "billing", "group.instance.id": "billing-1", "session.timeout.ms": 6000/ or die 'no group';    # its successor takes over at once
$consumer_py =~ s/^ +\Kconsumer\.commit\(.*/if record.offset() % 20 == 0: $&/m or die 'no commit';
PostgreSQL::Test::Utils::append_to_file("$folder/consumer.py", $consumer_py);
PostgreSQL::Test::Utils::append_to_file("$folder/program.sql",
    q{WITH placed AS (INSERT INTO orders(item) VALUES ('Macbook'), ('Mouse'), ('Teapot') RETURNING *) SELECT outbox.emit('orders', id, placed) FROM placed \watch 0.05});
my $program = Outbox::Process->spawn(name => 'program', command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $node->connstr('postgres'), '-f', "$folder/program.sql" ],
    stdout => '/dev/null', stderr => "$folder/complaints");
my $relay = Outbox::Relay->new($node, kafka => $kafka);
sub consumer {
    return Outbox::Process->spawn(name => 'consumer', command => [ $python, "$folder/consumer.py", $kafka->brokers, $node->connstr('consumer') . ' user=billing' ],
        env => { PYTHONPATH => "$ENV{OUTBOX_BUILD}/python" }, stdout => $log, stderr => $log);
}
sub invoices { return $node->safe_psql('consumer', 'SELECT count(*) FROM invoices') }

# ---- the kills

$relay->start;
my $consumer = consumer();
my $seen = 0;
for my $kill (1 .. $kills) {
    wait_until { !$consumer->alive && die("the consumer has ended:\n" . slurp($log)); invoices() > $seen + 20 } "after kill $kill the consumer goes on";
    $seen = invoices();
    sleep rand 0.1;
    my $who = int rand 3;
    if ($who != 0) { $relay->kill_nine; $relay->start }
    if ($who != 1) { $consumer->kill_nine; $consumer = consumer() }
}
$program->signal('TERM');
$program->wait_for_exit;
is(slurp("$folder/complaints"), '', 'the program has met no error');
ok(wait_for_confirmation($node), 'the last relay delivers what is left');
is($relay->terminate, 0, 'and ends in good order');

# ---- the result

my $orders = $node->safe_psql('postgres', q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM orders});
my $count = () = $orders =~ /\d+/g;
my $in_kafka = () = $kafka->consume('orders');
for (my $done = invoices(); $done < $count;) {    # on a busy machine much is left: each new invoice gives it time again
    my $before = $done;
    wait_until { ($done = invoices()) > $before } 'the last consumer makes no more invoices';
}
$consumer->kill_nine;
cmp_ok($count, '>', 20 * $kills, 'the program has emitted events');
cmp_ok($in_kafka, '>', $count, 'the relay has delivered some twice');
is($node->safe_psql('consumer', q{SELECT string_agg(order_id::text, ' ' ORDER BY order_id) FROM invoices}), $orders, "after $kills kills every order has one invoice");

done_testing();
