# The relay writes the records that Debezium's outbox event router makes of the same rows: the same topics, keys, values, headers and partitions, byte
# for byte. The test inserts rows into outbox tables of Debezium's shape, which outbox.adopt() publishes (docs/debezium.md). Debezium on Kafka Connect
# delivers the rows; then the topics are created again, and the relay delivers the events. Three connectors have usual configurations: text as it is
# in the database, expanded JSON, bytes.
#
# A fourth connector delivers what a program inserts meanwhile, until the relay takes over by the commands that the test reads out of the page.
# Takes long.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'Kafka Connect has no certificates here' if $ENV{TLS};
my $debezium = "$ENV{OUTBOX_BUILD}/peers/debezium";
ok(-e "$debezium/complete", 'a Debezium') or BAIL_OUT('make build/peers/debezium/complete');

my $page = Outbox::Page->read(dirname(__FILE__) . '/../../docs/debezium.md');
my %steps;
push @{ $steps{ $_->{language} } }, $_->{text} for $page->blocks;
my $log4j = dirname(__FILE__) . '/../support/kafka/log4j2.properties';
my $connect_log = "$PostgreSQL::Test::Utils::log_path/181_debezium_connect.log";
my $folder = PostgreSQL::Test::Utils::tempdir('connect');
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
my $kafka = Outbox::Kafka->new->start;
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# ---- the tables

my %tables = (jsonb => 'jsonb', json => 'json', text => 'text', expanded => 'jsonb', bytes => 'bytea');
my @kinds = sort keys %tables;
my @topics = map { "outbox.event.$_" } @kinds;

create_slot($node, $_) for qw(text_keys json_keys);
for my $kind (@kinds) {
    my $expand = $kind eq 'expanded' ? 'true' : 'false';
    $node->safe_psql('postgres', <<"END_SQL");
CREATE TABLE outbox_$kind (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255), type varchar(255), payload $tables{$kind}, tenant varchar(20));
SELECT outbox.adopt('outbox_$kind', headers => 'type:eventType,tenant', expand_json => $expand);
END_SQL
}

# ---- the rows: key, payload

my @objects = (
    [ q{'42'}, q{'{"b": 1, "a": [1, 2], "name": "Größe"}'} ],
    [ q{'a "b" \\ c'}, q{'{"a": {"deep": true}}'} ],
    [ q{E'\u0001\t😀'}, q{'{"a": "x y", "n": 1.5}'} ],
    [ q{''}, q{'{"empty": ""}'} ],
    [ 'NULL', q{'{"no": "key"}'} ],
    [ q{'gone'}, 'NULL' ],
);
my %rows = (
    jsonb => [ @objects, [ q{'1'}, q{'[3, "a", null]'} ], [ q{'2'}, q{'"text"'} ] ],
    json => [ @objects, [ q{'1'}, q{'{ "b":1,  "a":1, "b" : 1e2 }'} ] ],
    text => [ @objects, [ q{'1'}, q{E'no JSON\n\\\\ at all: ß'} ], [ q{'2'}, q{'<a/>'} ] ],
    expanded => \@objects,
    bytes => [ [ q{'1'}, q{'\x00ff10'} ], [ 'NULL', q{'\x41'} ], [ q{'gone'}, 'NULL' ] ],
);
my %sent;
my %connectors = (text => [qw(jsonb json text)], expanded => ['expanded'], bytes => ['bytes']);
for my $name (keys %connectors) {
    my $tables = join ', ', map { "outbox_$_" } @{ $connectors{$name} };
    $node->safe_psql('postgres', "CREATE PUBLICATION connector_$name FOR TABLE $tables");
    create_slot($node, "debezium_$name", 'pgoutput');
}
for my $kind (@kinds) {
    $sent{$kind} = 0;
    for my $row (@{ $rows{$kind} }) {
        $node->safe_psql('postgres', qq{INSERT INTO outbox_$kind(id, aggregatetype, aggregateid, type, payload, tenant)
            VALUES (gen_random_uuid(), '$kind', $row->[0], 'order.created', $row->[1], '7')});
        $sent{$kind}++;
    }
}

# The program inserts rows without pause. A row that psql has printed is committed.
my $shown = "$folder/shown";
$node->safe_psql('postgres', q{
    CREATE TABLE outbox_events (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, aggregateid varchar(255), type varchar(255), payload jsonb);
    CREATE PUBLICATION connector_orders FOR TABLE outbox_events;
    CREATE SEQUENCE number;
    });
create_slot($node, 'debezium', 'pgoutput');
append_to_file("$folder/insert.sql", q{INSERT INTO outbox_events(id, aggregatetype, aggregateid, type, payload)
    VALUES (gen_random_uuid(), 'orders', '1', 'order.created', to_jsonb(nextval('number'))) RETURNING payload \\watch 0.02});
my $program = Outbox::Process->spawn(name => 'program', command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $node->connstr('postgres'), '-f', "$folder/insert.sql" ],
    stdout => $shown, stderr => "$folder/complaints");
sub committed { return (slurp($shown) =~ /^(\d+)\n/mg)[-1] // 0 }
sub until_more_is_committed { my $before = committed(); return wait_until { committed() > $before + 5 } 'the program goes on' }

# ---- through Debezium

my %settings = (
    text => '',
    expanded => <<'END_EXPANDED',
key.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
transforms.outbox.table.expand.json.payload=true
END_EXPANDED
    bytes => "value.converter=io.debezium.converters.BinaryDataConverter\n",
    orders => join('', @{ $steps{properties} }),
);
# Debezium must not read the extension's messages in the WAL, for it would wait for a topic of that name.
my ($exclude) = $settings{orders} =~ /^(message\.prefix\.exclude\.list=.*\n)/m;
$settings{$_} .= $exclude for keys %connectors;
my %slot = (orders => 'debezium', map { ($_ => "debezium_$_") } keys %connectors);

sub connector {
    my ($name) = @_;
    my $tables = $name eq 'orders' ? 'public.outbox_events' : join ',', map { "public.outbox_$_" } @{ $connectors{$name} };
    my $file = "$folder/$name.properties";
    append_to_file($file, <<"END_CONNECTOR" . $settings{$name});
name=$name
connector.class=io.debezium.connector.postgresql.PostgresConnector
tasks.max=1
database.hostname=127.0.0.1
database.port=@{[ $node->port ]}
database.user=$superuser
database.dbname=postgres
topic.prefix=$name
plugin.name=pgoutput
slot.name=$slot{$name}
publication.name=connector_$name
publication.autocreate.mode=disabled
snapshot.mode=no_data
table.include.list=$tables
tombstones.on.delete=false
poll.interval.ms=10
extended.headers.enabled=false
transforms=outbox
transforms.outbox.type=io.debezium.transforms.outbox.EventRouter
transforms.outbox.route.tombstone.on.empty.payload=true
@{[ $name eq 'orders' ? '' : 'transforms.outbox.table.fields.additional.placement=type:header:eventType,tenant:header' ]}
END_CONNECTOR
    return $file;
}

sub start_connect {
    append_to_file("$folder/worker.properties", <<"END_WORKER");
bootstrap.servers=@{[ $kafka->brokers ]}
listeners=http://127.0.0.1:@{[ PostgreSQL::Test::Cluster::get_free_port() ]}
plugin.path=$debezium/plugins
plugin.discovery=service_load
offset.storage.file.filename=$folder/offsets
offset.flush.interval.ms=1000
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
END_WORKER
    return Outbox::Process->spawn(
        name => 'connect',
        command => [ qw(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData), "-Dlog4j2.configurationFile=$log4j", '-cp', "$debezium/libs/*",
            'org.apache.kafka.connect.cli.ConnectStandalone', "$folder/worker.properties", map { connector($_) } sort keys %settings ],
        stdout => $connect_log, stderr => $connect_log);
}

sub records_by_topic {
    my %found = map { my $topic = $_; $topic => [ $kafka->consume($topic) ] } @topics;
    return \%found;
}

# A record as text, without what cannot be equal: the timestamp, and the partition of a record without a key.
sub form {
    my ($record) = @_;
    my $text = sub { defined $_[0] ? '<' . ($_[0] =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ger) . '>' : 'null' };
    return join ' ', 'partition ' . (defined $record->{key} ? $record->{partition} : 'any'), 'key ' . $text->($record->{key}), 'value ' . $text->($record->{value}),
        map { "$_->[0]=" . $text->($_->[1]) } @{ $record->{headers} };
}
sub forms { my ($records) = @_; return [ sort map { form($_) } @$records ] }

$kafka->create_topic($_, 6) for @topics, 'outbox.event.orders';
$kafka->create_topic('__debezium-heartbeat.orders');
my $connect = start_connect();
sub connect_lives { return $connect->alive && slurp($connect_log) !~ /Task is being killed/ || die "Kafka Connect has ended:\n" . slurp($connect_log) }
my $expected;
wait_until {
        connect_lives();
        $expected = records_by_topic();
        !grep { @{ $expected->{"outbox.event.$_"} } < $sent{$_} } @kinds;
    }
    'Debezium has delivered all', 180;

# ---- the switch-over

my $session = $node->background_psql('postgres');
my @commands = @{ $steps{psql} };
sub step { return $session->query_safe(shift @commands) }

sub command_of_page {
    my ($verb) = @_;
    my ($line) = grep { /^outbox-relay $verb / } @{ $steps{sh} };
    my @arguments = map { s/^'|'$//gr } $line =~ /('[^']*'|[^\s']+)/g;
    my %own = ('dbname=app' => $node->connstr('postgres'), 'dbname=app user=outbox_relay' => $node->connstr('postgres') . ' user=relay', 'kafka:9092' => $kafka->brokers);
    return map { $own{$_} // $_ } @arguments[ 1 .. $#arguments ];
}

my ($code, undef, $err) = Outbox::Relay::call(command_of_page('setup'));
is($code, 0, 'setup') or diag $err;
until_more_is_committed();
step();    # adopt()
until_more_is_committed();
step();    # the lock
my $behind = committed();
my $debezium_is_there = shift @commands;
wait_until { connect_lives() && $session->query_safe($debezium_is_there) =~ /^t$/m } 'Debezium has delivered what is committed', 120;
cmp_ok(committed(), '<=', $behind + 1, 'the program waits');
$connect->signal('TERM');
$connect->wait_for_exit(60);
step();    # skip, unlock
until_more_is_committed();
my (undef, @run) = command_of_page('run');
my $relay = Outbox::Relay->new($node, name => 'takes_over', kafka => $kafka, args => [ @run[ 4 .. $#run ] ])->start;
$relay->wait_until_streaming($node);
until_more_is_committed();
step();    # Debezium's slot
step();    # no rows any more
until_more_is_committed();
is(scalar @commands, 0, 'the page has no other commands');
$program->signal('TERM');
$program->wait_for_exit;
$session->quit;
ok(wait_for_confirmation($node, 'outbox'), 'the relay that takes over delivers all') or diag $relay->log;
is($relay->terminate, 0, 'and ends in good order');
is(slurp("$folder/complaints"), '', 'the program has met no error');

my @orders = map { $_->{value} } $kafka->consume('outbox.event.orders');
cmp_ok(committed(), '>', 20, 'the program has committed rows');
cmp_ok(scalar @orders, '>=', committed(), 'every row is in Kafka');
is_deeply(\@orders, [ 1 .. @orders ], 'once, and in order');
is($node->safe_psql('postgres', 'SELECT count(*) < (SELECT last_value FROM number) FROM outbox_events_rows'), 't', 'the last of them are stored nowhere else');

# ---- the same rows through the relay

$kafka->delete_topic($_) for @topics;
$kafka->create_topic($_, 6) for @topics;

# Two relays share the topics, because a relay has one style of keys, as a connector has one converter of keys.
my @style = qw(--header-style debezium --topic-template outbox.event.{topic});
my %relays = (text_keys => [ '--topics', 'jsonb,json,text,bytes' ], json_keys => [qw(--topics expanded --key-style json)]);
for my $slot (sort keys %relays) {
    my $shares = Outbox::Relay->new($node, name => $slot, kafka => $kafka, args => [ '--slot', $slot, @style, @{ $relays{$slot} } ])->start;
    ok(wait_for_confirmation($node, $slot), "$slot: the relay delivers all") or diag $shares->log;
    is($shares->terminate, 0, 'and ends in good order');
}
my $found = records_by_topic();
for my $kind (@kinds) {
    my ($theirs, $ours) = map { $_->{"outbox.event.$kind"} } $expected, $found;
    is(scalar @$theirs, $sent{$kind}, "$kind: Debezium has delivered each row once");
    if ($kind eq 'expanded') {
        my ($keyless) = grep { $_->{key} eq 'null' } @$theirs;
        ok($keyless, 'with keys of JSON Debezium writes no key as a word, which is on the list of what differs');
        undef $keyless->{key};
    }
    is_deeply(forms($ours), forms($theirs), "$kind: the same records") or diag explain { theirs => forms($theirs), ours => forms($ours) };
}

done_testing();
