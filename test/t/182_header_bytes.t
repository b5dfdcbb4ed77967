# A header {"base64": "…"} has these bytes in Kafka, through every way in, both deliveries and all header styles. Confluent's client reads the id of a
# schema from such a header.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
my $every_byte = join '', map { chr } 0 .. 255;
my $base64 = $node->safe_psql('postgres', q{SELECT translate(encode(decode(string_agg(lpad(to_hex(n), 2, '0'), '' ORDER BY n), 'hex'), 'base64'), E'\n', '') FROM generate_series(0, 255) AS n});

sub setup { my (@run) = @_; my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run); is($code, 0, "setup @run") or diag $err; return }
sub headers_of { my ($record) = @_; return join ' ', map { "$_->[0]=" . unpack 'H*', $_->[1] } grep { $_->[0] !~ /^(?:id|content-type|ce_(?:id|source|type|time|specversion|z))$/ } @{ $record->{headers} } }

my $hex = unpack 'H*', $every_byte;
my %expected = (plain => "a=$hex ce_b=ff z=c3a4", debezium => "a=$hex ce_b=ff z=c3a4", cloudevents => "a=$hex");    # where z is an attribute, and ce_b none
my %options = (plain => [], debezium => [qw(--header-style debezium)], cloudevents => [qw(--header-style cloudevents --ce-source /shop)]);
for my $delivery (qw(at-least-once exactly-once)) {
    for my $style (sort keys %expected) {
        my $topic = "$style.$delivery";
        my @run = ('--delivery', $delivery, '--slot', "outbox_$topic" =~ tr/.-/__/r);
        setup(@run);
        $kafka->create_topic($topic);
        my $headers = qq({"a": {"base64": "$base64"}, "ce_b": {"base64": "/w=="}, "z": "\\u00e4"});
        $node->safe_psql('postgres', qq{SELECT outbox.emit('$topic', 'jsonb', '{}', NULL, '$headers'::jsonb)});
        $node->safe_psql('postgres', qq{SELECT outbox.emit('$topic', 'text', '{}', NULL, '$headers'::text)});
        $node->safe_psql('postgres', qq{SELECT outbox.emit_many('$topic', ARRAY['many'], ARRAY['{}'], NULL, ARRAY['$headers'::jsonb])});
        $node->safe_psql('postgres', qq{INSERT INTO outbox.events (topic, key, payload, headers) VALUES ('$topic', 'view', '{}', '$headers')});
        $node->safe_psql('postgres', qq{BEGIN; SET LOCAL outbox.headers = '$headers'; SELECT outbox.emit('$topic', 'setting', '{}'); COMMIT});
        my $relay = Outbox::Relay->new($node, name => $topic, kafka => $kafka, args => [ @run, @{ $options{$style} } ])->start;
        ok(wait_for_confirmation($node, $run[-1]), "$topic: everything is confirmed") or diag $relay->log;
        is($relay->terminate, 0, 'the relay ends in good order');
        local $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $ENV{KAFKA_CLIENT_PROPERTIES} // (), 'isolation.level=read_committed';
        my %found = map { ($_->{key} => headers_of($_)) } $kafka->consume($topic);
        is_deeply([ sort keys %found ], [qw(jsonb many setting text view)], 'each is there');
        is(join(' ', sort split ' ', $found{$_}), $expected{$style}, "by $_: these bytes") for sort keys %found;
        drop_slot($node, $run[-1]);
    }
}

# ---- schema ids

SKIP: {
    skip 'the consumer has no certificates here', 1 if $ENV{TLS};
    my $python = '/usr/bin/python3';
    create_slot($node);
    $kafka->create_topic('schemas');
    $node->safe_psql('postgres', q{SELECT outbox.emit('schemas', key, '{"item":"Macbook"}', 'order.created',
        jsonb_build_object('__value_schema_id', jsonb_build_object('base64', encode(bytes, 'base64'))))
        FROM (VALUES ('id', '\x00000186a1'::bytea), ('guid', '\x01'::bytea || uuid_send('89791762-2336-4186-9674-299b90a802e2'))) AS schema(key, bytes)});
    my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
    ok(wait_for_confirmation($node), 'everything is confirmed') or diag $relay->log;
    is($relay->terminate, 0, 'the relay ends in good order');
    local $ENV{PYTHONPATH} = "$ENV{OUTBOX_BUILD}/python";
    my ($out, $err) = run_command([ $python, '-W', 'ignore', dirname(__FILE__) . '/../support/python/schema_id_reader.py', $kafka->brokers, 'schemas', 2 ]);
    is($out, <<'END' =~ s/\n\z//r, "Confluent's deserializer finds the schema's id, and its GUID") or diag $err;
{"guid": null, "id": 100001, "key": "id", "value": "{\"item\":\"Macbook\"}"}
{"guid": "89791762-2336-4186-9674-299b90a802e2", "id": null, "key": "guid", "value": "{\"item\":\"Macbook\"}"}
END
}

done_testing();
