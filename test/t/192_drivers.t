# docs/drivers.md is right about the drivers of Java, JavaScript, Go and Rust, and about pg8000 and SQLAlchemy: test/support/drivers has a program for
# each language. A refused call is a line of the program's output, any other call an event whose topic names driver and way. 085_drivers.t has the other
# drivers.
use strict;
use warnings;

BEGIN { delete $ENV{TLS} }    # the programs' connections are plain

use File::Basename qw(dirname);
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Utils;
use Test::More;

my $project = dirname(__FILE__) . '/../..';
my $programs = "$project/test/support/drivers";
my $build = $ENV{OUTBOX_BUILD};
my $node = outbox_node('drivers', conf => "listen_addresses = '127.0.0.1'\n");
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $port = $node->port;
my $url = "postgresql://$user\@127.0.0.1:$port/postgres";
create_slot($node);
my $id = '01930000-0000-7000-8000-000000000000';

# A program's file or folder that must exist, its command, its output, and its events: way, key, other parts.
my ($order, $headers) = ('"payload":{"item":"Macbook"}', '"headers":{"h":"v"}');
my $full = qq("type":"type",$headers,$order);
my @of_jdbc = ("setString k $full", "setInt 42 $order", qq(setLong 1099511627776 $headers,$order), "uuid $id $order", 'setBytes k "payload_base64":"AP8="');
my %language = (
    'Python' => [ '/usr/bin/python3', "/usr/bin/python3 '$programs/more.py' 127.0.0.1 $port $user postgres", '',
        pg8000 => [ "text k $full", "int 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', 'tombstone k ' ],
        sqlalchemy => [ "text k $full", "int 42 $order", "uuid $id $order" ] ],
    'Java' => [ "$build/how-to/java/complete", "java -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp '$build/how-to/java/classes:$build/java/libs/*' Drivers 'jdbc:postgresql://127.0.0.1:$port/postgres?user=$user'",
        "jdbc.BigDecimal: 42804\njdbc_simple.BigDecimal: 42804\n",
        jdbc => \@of_jdbc,
        jdbc_simple => \@of_jdbc,
        spring => [ "text k $full", "int 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AA=="' ],
        jooq => [ "text k $full", "int 42 $order", "uuid $id $order", "json k $order" ],
        mybatis => [ "text k $full", "int 42 $full" ] ],
    'JavaScript' => [ "$build/node/node_modules", "cp '$programs/drivers.mjs' '$build/node/' && node '$build/node/drivers.mjs' '$url'",
        "node-pg.list_of_numbers: 22P02\npostgres.js.string_headers: 2203C\ntypeorm.no_topic: 22023\n",
        'node-pg' => [ "text k $full", "number 42 $order", "bigint 1099511627776 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', 'tombstone k ', 'list k "payload":[]',
            'an_empty_list k "payload":{}' ],
        'postgres.js' => [ "text k $full", "number 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', "text_headers k $full" ],
        typeorm => [ "save 42 $full", "two_at_once 1 $order", "two_at_once 2 $order" ] ],
    'Go' => [ "$build/how-to/go/drive", "'$build/how-to/go/drive' '$url'", "pgx.int_without_a_cast: refused by the driver\npgx.exec_bytes: 22P02\npgx.simple_protocol_bytes: 22P02\nlib-pq.map_headers: refused by the driver\n",
        pgx => [ "string k $full", "map_headers k $full", "bigint 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', "exec_string k $full", 'exec_bytea k "payload_base64":"AP8="',
            "simple_protocol_string k $full", 'simple_protocol_bytea k "payload_base64":"AP8="' ],
        'sql-pgx' => [ "string k $full", "json_bytes k $order", "bigint 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="' ],
        gorm => [qq(create 42 "type":"type",$order)],
        'lib-pq' => [ "string k $full", "json_bytes k $order", "bigint 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', "int 42 $order" ] ],
    'Rust' => [ "$build/how-to/rust/drive", "'$build/how-to/rust/drive' '$url'", "tokio-postgres.int_without_a_cast: error serializing parameter 1\nsqlx.other_types: 2203C\n",
        'tokio-postgres' => [ qq(str k "type":"type",$order), "bigint 42 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="', "value_headers k $full", "str_headers k $full" ],
        sqlx => [ "str k $full", "value k $full", "i32 42 $order", "i64 1099511627776 $order", "uuid $id $order", 'bytes k "payload_base64":"AP8="' ] ],
);

for my $name (sort keys %language) {
    my ($needs, $command, $says, @drivers) = @{ $language{$name} };
    if (!-e $needs) { note "$name: left out, for want of its compiler or its packages"; next }
    my $log = "$PostgreSQL::Test::Utils::log_path/192_drivers_$name.log";
    my $said = join '', grep { /^[\w.-]+: [\w ]+$/ } qx{($command) 2>'$log'};    # without jOOQ's other lines
    is($?, 0, "$name: the program ends well") or diag slurp($log);
    is($said, $says, "$name: what is refused");
    my %events;
    for (emitted($node, 'outbox', 'get')) {
        my ($driver, $way, $key, $rest) = /^\{"topic":"([\w.-]+)\.(\w+)","key":"([^"]*)",(.*)\}$/ or die $_;
        push @{ $events{$driver} }, "$way $key " . ($rest =~ s/"id":"[0-9a-f-]{36}",?//r);
    }
    my %expected = @drivers;
    is_deeply([ sort keys %events ], [ sort keys %expected ], "$name: its drivers");
    is_deeply([ sort @{ $events{$_} // [] } ], [ sort @{ $expected{$_} } ], "$_: the events are what was given") for sort keys %expected;
}

# The table has a row for each driver, and this file, 085_drivers.t or sql/signatures.sql tries the driver of each row.
my ($table) = slurp("$project/docs/drivers.md") =~ /^\| driver .*?\n\n/ms ? $& : '';
is_deeply([ map { /^\| ([^|]+?) \|/ ? split /, / => $1 : () } grep { !/^\| (?:driver|---)|^\|-/ } split /\n/, $table ],
    [ 'psql', 'PL/pgSQL', 'triggers', 'psycopg 3', 'Django', 'psycopg2', 'asyncpg', 'pg8000', 'SQLAlchemy', 'JDBC', 'Spring', 'JPA', 'jOOQ', 'MyBatis', 'pgx', 'database/sql with pgx',
        'database/sql with lib/pq', 'node-pg', 'postgres.js', 'tokio-postgres', 'sqlx' ], 'docs/drivers.md has rows of those that are tried');

$node->stop;
done_testing();
