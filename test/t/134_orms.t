# ORMs use outbox.events, and a view of one topic, like tables: Django and SQLAlchemy insert models, count rows, read ids back and roll back.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my ($python) = grep { system("$_ -c 'import django, sqlalchemy, psycopg2' 2>/dev/null") == 0 } qw(python3 /usr/bin/python3);
ok($python, 'a Python with the ORMs') or BAIL_OUT('install python3-django python3-sqlalchemy python3-psycopg2');

my $node = outbox_node('orms');
create_slot($node);
$node->safe_psql('postgres', q{
    CREATE ROLE app LOGIN;
    CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text);
    SELECT outbox.create_topic_view('orders');
    GRANT USAGE ON SCHEMA outbox TO app;
    GRANT INSERT, SELECT ON outbox.events, orders_events, orders TO app});

my ($out, $err) = run_command([ $python, dirname(__FILE__) . '/../support/orms.py', $node->host, $node->port, 'app', 'postgres' ]);
is($err, '', 'the program ends well');
my %id = $out =~ /^(django|sqlalchemy): (?:create|the id that RETURNING gave) ([0-9a-f-]{36})$/mg;
my $events = join "\n", emitted($node, 'outbox', 'get');
for my $orm (qw(django sqlalchemy)) {
    like($events, qr/"topic":"$orm","key":"1","id":"$id{$orm}"/, "$orm knows the event's id");
}
is($events =~ s/"id":"[0-9a-f-]{36}",?//gr =~ s/,\}$/}/gmr, <<'END' =~ s/\n\z//r, 'each event once, and none that was rolled back');
{"topic":"django","key":"1","type":"order.created","headers":{"h":"v"},"payload":{"item":"Macbook"}}
{"topic":"django","key":"a","payload":[1]}
{"topic":"django","key":"b","payload_base64":"AP8="}
{"topic":"django","key":"c"}
{"topic":"sqlalchemy","key":"1","type":"order.created","headers":{"h":"v"},"payload":{"item":"Macbook"}}
{"topic":"sqlalchemy","key":"2","payload":2}
{"topic":"sqlalchemy","key":"3","payload":3}
{"topic":"sqlalchemy","key":"4","payload":4}
{"topic":"sqlalchemy","key":"bytes","payload_base64":"AP8="}
{"topic":"orders","key":"9","payload":{"n":9}}
END
$node->stop;
done_testing();
