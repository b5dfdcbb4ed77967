# The sample order service writes an order and its event, or neither, and answers every request with a fitting status.
use strict;
use warnings;

use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Outbox::Node;
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = outbox_node('main');
create_slot($node);
my $schema = slurp("$root/docker/orders/schema.sql");
$schema =~ s/^CREATE EXTENSION IF NOT EXISTS outbox;$//m if Outbox::Form::is_hosted();
$node->safe_psql('postgres', $schema);

my $folder = PostgreSQL::Test::Utils::tempdir('orders');
my $service = Outbox::Process->spawn(
    command => [ "$ENV{OUTBOX_BUILD}/orders", '--port', '0', '--dsn', $node->connstr('postgres') . ' user=orders' ],
    name => 'orders', stdout => "$folder/out", stderr => "$folder/err");
my $url = wait_until { slurp("$folder/out") =~ /listening on (\S+)/ && $1 } 'the service listens';

# Returns the status of the answer, whose body must be JSON.
my $body;
sub ask {
    my ($method, $path, $content) = @_;
    my $response = HTTP::Tiny->new(timeout => 30)->request($method, "$url$path", defined $content ? { content => $content } : {});
    $body = eval { decode_json($response->{content}) } // "not JSON: $response->{content}";
    return $response->{status};
}

sub refused {
    my ($status, $name, @request) = @_;
    is(ask(@request), $status, "$name: $status");
    ok(ref $body eq 'HASH' && $body->{error}, "$name: says why, as JSON") or diag $body;
    return;
}

sub events { return emitted($node, 'outbox', 'get') }

is(ask(GET => '/healthz'), 200, 'it is healthy');
is(ask(POST => '/orders', '{"item":"Macbook"}'), 201, 'an order is taken');
is($body->{item}, 'Macbook', 'and repeated in the answer');
my @events = events();
is(scalar @events, 1, 'it has one event');
like($events[0], qr/"topic":"orders","key":"$body->{id}".*"type":"order\.created".*"item":"Macbook"/, 'which tells of it');

refused(409, 'an order that fails at its commit', POST => '/orders', '{"item":"Unicorn"}');
my %bad = ('an empty body' => '', 'bad JSON' => '{', 'no object' => '[]', 'no item' => '{}', 'an item that is no text' => '{"item":3}',
    'an empty item' => '{"item":""}', 'a NUL' => '{"item":"a\u0000b"}', 'bytes that are not UTF-8' => "{\"item\":\"\xff\"}",
    'a too long item' => encode_json({ item => 'x' x 201 }), 'more than JSON' => '{"item":"a"} x');
for my $name (sort keys %bad) {
    like(ask(POST => '/orders', $bad{$name}), qr/^4(00|22)$/, "$name: 400 or 422");
    ok(ref $body eq 'HASH' && $body->{error}, "$name: says why, as JSON") or diag $body;
}
refused(413, 'a body that is too big', POST => '/orders', 'x' x 20_000);
refused(404, 'an unknown path', GET => '/nothing');
refused(405, 'another method', DELETE => '/orders');
is(scalar events(), 0, 'none of these left an event');
is($node->safe_psql('postgres', 'SELECT count(*) FROM orders'), '1', 'or a row');

$node->stop('fast');
refused(503, 'a dead database', POST => '/orders', '{"item":"Lost"}');
refused(503, 'a dead database, asked for its health', GET => '/healthz');
$node->start;
is(ask(POST => '/orders', '{"item":"Teapot"}'), 201, 'the service goes on when the database is back');
is(ask(GET => '/orders'), 200, 'the orders can be listed');
is_deeply([ map { $_->{item} } @$body ], [qw(Teapot Macbook)], 'the newest first') if ref $body eq 'ARRAY';
is(scalar events(), 1, 'and each has its event');

$service->signal('TERM');
is($service->wait_for_exit(10), 0, 'the service ends in good order');

done_testing();
