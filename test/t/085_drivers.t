# docs/drivers.md is right about psycopg2, psycopg 3 and asyncpg, which run here. sql/signatures.sql tests the types alone.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Node;
use PostgreSQL::Test::Utils;
use Test::More;

# The first Python that has the drivers: the Python in PATH may be another one than Debian's.
my ($python) = grep { system("$_ -c 'import psycopg, psycopg2, asyncpg' 2>/dev/null") == 0 } qw(python3 /usr/bin/python3);
ok($python, 'a Python with the drivers') or BAIL_OUT('install python3-psycopg python3-psycopg2 python3-asyncpg');

my $node = outbox_node('drivers');
create_slot($node);
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my ($out, $err) = run_command([$python, dirname(__FILE__) . '/../support/drivers.py', $node->connstr('postgres'), $node->host, $node->port, $user, 'postgres']);
is($err, '', 'the program ends well');

my $both = <<'END';
DRIVER: text: accepted
DRIVER: int: accepted
DRIVER: uuid: accepted
DRIVER: bytes: accepted
DRIVER: tombstone: accepted
DRIVER: no headers: accepted
DRIVER: list as JSON: accepted
DRIVER: list of numbers: 42804 payload must not be of type LIST
DRIVER: Decimal key: 42804 key must not be of type numeric
DRIVER: float key: 42804 key must not be of type FLOAT
DRIVER: bool key: 42804 key must not be of type boolean
DRIVER: large key: 42804 key must not be of type numeric
DRIVER: bytes key: 42804 key must not be of type bytea
DRIVER: headers of numbers: 2203C headers must be a JSON object whose values are strings
DRIVER: Json: accepted
END
sub both {
    my %names = @_;
    return $both =~ s/(DRIVER|LIST|FLOAT)/$names{$1}/gr;
}
is("$out\n",
    both(DRIVER => 'psycopg2', LIST => 'integer[]', FLOAT => 'numeric')
        . "psycopg: binary headers: accepted\n"
        . both(DRIVER => 'psycopg', LIST => 'smallint[]', FLOAT => 'double precision')
        . <<'END', 'what is accepted, and what is refused with which words');
psycopg: Jsonb: accepted
asyncpg: text: accepted
asyncpg: bigint: accepted
asyncpg: uuid: accepted
asyncpg: bytea: accepted
asyncpg: varchar headers: accepted
asyncpg: int without a cast: DataError
END

my %json = (ORDER => '{"item":"Macbook","price":1.5}', SORTED => '"headers":{"b":"2","traceparent":"00-4bf9"}',    # as jsonb has them
    GIVEN => '"headers":{"traceparent":"00-4bf9","b":"2"}');
my $binary = qq({"topic":"binary","key":"k",GIVEN,"payload":{}}\n);
my $expected = join $binary, map { s/DRIVER/psycopg2/gr =~ s/LAST/SORTED/gr, s/DRIVER/psycopg/gr =~ s/LAST/GIVEN/gr } <<'END';
{"topic":"DRIVER.text","key":"k","type":"order.created",SORTED,"payload":ORDER}
{"topic":"DRIVER.int","key":"42","payload":ORDER}
{"topic":"DRIVER.uuid","key":"01930000-0000-7000-8000-000000000000","payload":ORDER}
{"topic":"DRIVER.bytes","key":"k","payload_base64":"AP8="}
{"topic":"DRIVER.tombstone","key":"k"}
{"topic":"DRIVER.no_headers","key":"k","payload":ORDER}
{"topic":"DRIVER.list_as_JSON","key":"k","payload":[]}
{"topic":"DRIVER.Json","key":"42","type":"type",LAST,"payload":[]}
END
$expected .= <<'END';
{"topic":"psycopg.Jsonb","key":"k","type":"type",SORTED,"payload":[]}
{"topic":"asyncpg.text","key":"k","type":"order.created",SORTED,"payload":ORDER}
{"topic":"asyncpg.bigint","key":"42","payload":ORDER}
{"topic":"asyncpg.uuid","key":"01930000-0000-7000-8000-000000000000","payload":ORDER}
{"topic":"asyncpg.bytea","key":"k","payload_base64":"AP8="}
{"topic":"asyncpg.varchar_headers","key":"k","type":"type",GIVEN,"payload":{}}
END
$expected =~ s/(ORDER|SORTED|GIVEN)/$json{$1}/g;
my $events = $node->safe_psql('postgres', q!SELECT data FROM pg_logical_slot_get_changes('outbox', NULL, NULL) WHERE data LIKE '{"topic"%'!);
is($events =~ s/,"id":"[0-9a-f-]{36}"//gr, $expected =~ s/\n\z//r, 'the events are what was given');

$node->stop;
done_testing();
