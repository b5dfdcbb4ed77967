# The consumers of docs/how-to/consume-*.md, built out of their pages, read what the relay delivers and count each event once, by outbox.first_time(), in
# databases of their own without the extension. The test kills consumers and relay again and again. Events that no consumer can take are in
# dead_letters, once.
# Takes long.
use strict;
use warnings;

use File::Basename qw(basename dirname);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(random_seed slowness slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'the consumers have no certificates here' if $ENV{TLS};

my $rounds = 10;
my $project = dirname(__FILE__) . '/../..';
my $build = $ENV{OUTBOX_BUILD};
my $folder = PostgreSQL::Test::Utils::tempdir('consumers');
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
my $port = $node->port;
my $jdbc = "jdbc:postgresql://127.0.0.1:$port/java?user=billing";
my %command = (
    go => [ "$build/how-to/go/consume", "postgresql://billing\@127.0.0.1:$port/go" ],
    java => [ qw(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp), "$build/how-to/java/classes:$build/java/libs/*", 'shop.Consumer', $jdbc ],
    rust => [ "$build/how-to/rust/consume", "postgresql://billing\@127.0.0.1:$port/rust" ],
);
is_deeply([ map { basename($_) =~ /^consume-(\w+)/ } glob "$project/docs/how-to/consume-*.md" ], [ sort keys %command ], 'each page is run');
my @languages = grep { -e ($_ eq 'java' ? "$build/how-to/java/complete" : "$build/how-to/$_/consume") } sort keys %command;
plan skip_all => 'no compiler of their languages is here' if !@languages;

random_seed();
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 3);
create_slot($node);
$node->safe_psql('postgres', 'CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text); CREATE ROLE billing LOGIN');
my ($letters) = grep { /CREATE TABLE dead_letters/ } map { $_->{text} } Outbox::Page->read("$project/docs/inbox.md")->blocks;
for my $language (@languages) {
    $node->safe_psql('postgres', "CREATE DATABASE $language");
    $node->safe_psql($language, slurp("$project/outbox_ext/inbox.sql"));
    $node->safe_psql($language, "$letters; CREATE TABLE invoices (order_id int NOT NULL, item text); GRANT SELECT, INSERT ON invoices, dead_letters TO billing;
        GRANT USAGE ON SCHEMA outbox TO billing; GRANT EXECUTE ON FUNCTION outbox.first_time(text, uuid) TO billing");
}

# ---- servers and programs

# The program emits less than a consumer on a busy machine takes, so that little is left in the end. Of each twentieth order the key is no number, and
# no consumer can take its event.
PostgreSQL::Test::Utils::append_to_file("$folder/program.sql", q{WITH placed AS (INSERT INTO orders(item) VALUES ('Macbook'), ('Mouse'), ('Teapot') RETURNING *)
    SELECT outbox.emit('orders', CASE WHEN id % 20 = 0 THEN 'order ' || id ELSE id::text END, placed) FROM placed \watch 0.2});
my $program = Outbox::Process->spawn(name => 'program', command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $node->connstr('postgres'), '-f', "$folder/program.sql" ],
    stdout => '/dev/null', stderr => "$folder/complaints");
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
my %consumer;

sub log_of { return "$PostgreSQL::Test::Utils::log_path/193_consumers_$_[0].log" }

sub start {
    my ($language) = @_;
    my @command = @{ $command{$language} };
    my $url = pop @command;
    return $consumer{$language} = Outbox::Process->spawn(name => "$language consumer", command => [ @command, $kafka->brokers, $url, 'billing-' . $language ],
        stdout => log_of($language), stderr => log_of($language));
}

# Starts a consumer again that has ended by itself, as a supervisor does: Kafka may fence the successor of a killed consumer, where requests of the
# killed one come late.
my %ended = map { ($_ => 0) } @languages;

sub invoices {
    my ($language) = @_;
    if (!$consumer{$language}->alive) {
        die "the consumer of $language ends again and again:\n" . slurp(log_of($language)) if ++$ended{$language} > 10;
        start($language);
    }
    return $node->safe_psql($language, 'SELECT count(*) FROM invoices');
}

# ---- the kills

start($_) for @languages;
my %seen = map { ($_ => 0) } @languages;
my %kills = map { ($_ => 0) } @languages, 'relay';
for my $round (1 .. $rounds) {
    for my $language (@languages) {
        wait_until { invoices($language) > $seen{$language} + 10 } "round $round: the consumer of $language goes on", 60 * slowness();
        $seen{$language} = invoices($language);
    }
    sleep rand 0.2;
    for my $who (grep { rand() < 0.7 } @languages, 'relay') {
        $kills{$who}++;
        if ($who eq 'relay') { $relay->kill_nine; $relay->start }
        else { $consumer{$who}->kill_nine; start($who) }
    }
}
$program->signal('TERM');
$program->wait_for_exit;
is(slurp("$folder/complaints"), '', 'the program has met no error');
ok(wait_for_confirmation($node), 'the last relay delivers what is left');
is($relay->terminate, 0, 'and ends in good order');

# ---- the result

sub ids { my ($database, $query) = @_; return $node->safe_psql($database, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM ($query) AS of (id)") }
my $orders = ids('postgres', 'SELECT id FROM orders WHERE id % 20 <> 0');
my $bad = ids('postgres', 'SELECT id FROM orders WHERE id % 20 = 0');
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM orders');
my $in_kafka = () = $kafka->consume('orders');
note "$count events, $in_kafka records; kills: ", join(', ', map { "$_ $kills{$_}" } sort keys %kills), '; ended by themselves: ', join ', ', map { "$_ $ended{$_}" } @languages;
cmp_ok($in_kafka, '>=', $count, 'the relay has delivered all, and some twice where it was killed in time');
for my $language (@languages) {
    wait_until { invoices($language) + $node->safe_psql($language, 'SELECT count(*) FROM dead_letters') >= $count } "the last consumer of $language works off what is left",
        120 * slowness();
    $consumer{$language}->kill_nine;
    is(ids($language, 'SELECT order_id FROM invoices'), $orders, "$language: after $kills{$language} kills of it and $kills{relay} of the relay every order has one invoice");
    is(ids($language, "SELECT substr(convert_from(key, 'UTF8'), 7)::int FROM dead_letters WHERE reason = '22P02' AND place ~ '^orders/[0-2]/[0-9]+\$'"), $bad, 'and each other one is in dead_letters');
    is($node->safe_psql($language, 'SELECT count(*) FROM invoices WHERE item IS NULL'), 0, 'with what it was');
}

done_testing();
