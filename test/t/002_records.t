# The record that an event becomes in Kafka: key, value, headers, timestamp and partition, for every kind of key and payload. No log shows a key,
# a payload or a header. The relay's role may log in and replicate, and has no other right.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $partitions = 12;
my $canary = 'canary-0d9f2b';

# The partition that Kafka's Java client chooses for a key: murmur2, written from its definition.
sub murmur2 {
    my ($data) = @_;
    my $mix = sub { ($_[0] * 0x5bd1e995) & 0xffffffff };
    my $whole = length($data) & ~3;
    my $hash = 0x9747b28c ^ length $data;
    for my $word (unpack 'V*', substr $data, 0, $whole) {
        my $k = $mix->($word);
        $hash = $mix->($hash) ^ $mix->($k ^ $k >> 24);
    }
    my @rest = unpack 'C*', substr $data, $whole;
    $hash ^= $rest[$_] << 8 * $_ for 0 .. $#rest;
    $hash = $mix->($hash) if @rest;
    $hash = $mix->($hash ^ $hash >> 13);
    return $hash ^ $hash >> 15;
}

sub partition_of { return (murmur2($_[0]) & 0x7fffffff) % $partitions }

# The expected values are those of Kafka's own test of murmur2.
my %vectors = ('21' => -973932308, 'foobar' => -790332482, 'a-little-bit-long-string' => -985981536, 'abc' => 479470107);
is(murmur2($_), $vectors{$_} & 0xffffffff, "murmur2 of $_") for sort keys %vectors;

my $node = outbox_node('main', conf => "track_commit_timestamp = on\n");
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', $partitions);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--log-level debug)])->start;

is($node->safe_psql('postgres', q{SELECT rolsuper, rolreplication FROM pg_roles WHERE rolname = 'relay'}), 'f|t',
    'the relay runs without superuser rights');

my $all_bytes = join '', map { chr } 0 .. 255;
my @cases = (
    { name => 'text key', sql => q{'42', '{"n":1}'}, key => '42', value => '{"n":1}' },
    { name => 'bigint key', sql => q{9007199254740993, '{"n":1}'}, key => '9007199254740993', value => '{"n":1}' },
    { name => 'uuid key', sql => q{'123E4567-E89B-12D3-A456-426614174000'::uuid, '1'}, key => '123e4567-e89b-12d3-a456-426614174000', value => '1' },
    { name => 'no key', sql => q{NULL::text, '{"n":1}'}, key => undef, value => '{"n":1}' },
    { name => 'empty key', sql => q{'', '{"n":1}'}, key => '', value => '{"n":1}' },
    { name => 'key beyond ASCII', sql => q{'Größe "\ 鍵', '1'}, key => 'Größe "\ 鍵', value => '1' },
    { name => 'JSON text, minified', sql => q{'k', ' { "b" : 1.00, "a" : [ 1e400 , null ], "b" : "ü  " } '}, key => 'k',
        value => '{"b":1.00,"a":[1e400,null],"b":"ü  "}' },
    { name => 'json', sql => q{'k', '[ 1, 2 ]'::json}, key => 'k', value => '[1,2]' },
    { name => 'jsonb', sql => q{'k', '{"bb": 1, "a": [1, 2]}'::jsonb}, key => 'k', value => '{"a":[1,2],"bb":1}' },
    { name => 'row', sql => q{'k', (SELECT r FROM (SELECT 1 AS a, 'x' AS b) r)}, key => 'k', value => '{"a":1,"b":"x"}' },
    { name => 'bytes', sql => q{'k', '\x} . unpack('H*', $all_bytes) . q{'::bytea}, key => 'k', value => $all_bytes },
    { name => 'no bytes, which is not null', sql => q{'k', ''::bytea}, key => 'k', value => '' },
    { name => 'tombstone', sql => q{'k', NULL::text}, key => 'k', value => undef },
    { name => 'large', sql => q{'k', to_json(repeat('x', 800000))}, key => 'k', value => '"' . 'x' x 800_000 . '"' },
    { name => 'type', sql => q{'k', '1', 'order.created'}, key => 'k', value => '1', headers => [ [ type => 'order.created' ] ] },
    { name => 'headers in their order', sql => q{'k', '1', 't', '{"b":"ö\"","aa":""}'}, key => 'k', value => '1',
        headers => [ [ type => 't' ], [ b => 'ö"' ], [ aa => '' ] ] },
    { name => 'headers without type', sql => q{'k', '1', NULL, '{"b":"x"}'}, key => 'k', value => '1', headers => [ [ b => 'x' ] ] },
    { name => 'what nobody may log', sql => qq{'$canary', '"$canary"', 't', '{"secret":"$canary"}'}, key => $canary, value => "\"$canary\"",
        headers => [ [ type => 't' ], [ secret => $canary ] ] },
);
$node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'outbox', 'forged $canary')");
for my $case (@cases) {
    my $row = $node->safe_psql('postgres', "SELECT outbox.emit('orders', $case->{sql}), pg_current_xact_id()");
    ($case->{id}, my $xid) = split /\|/, $row;
    my $committed = "SELECT floor(extract(epoch FROM pg_xact_commit_timestamp('$xid')) * 1000)::bigint";
    $case->{timestamp} = $node->safe_psql('postgres', $committed);
}
ok(wait_for_confirmation($node), 'everything is confirmed');

my @records = $kafka->consume('orders');
is(scalar @records, scalar @cases, 'one record an event, none of the forged message');
my %records = map { $_->{headers}[0][1] => $_ } @records;
for my $case (@cases) {
    my $record = $records{ $case->{id} };
    ok($record, "$case->{name}: has arrived, its first header is the id") or next;
    is($record->{key}, $case->{key}, "$case->{name}: key");
    ok(defined $record->{value} eq defined $case->{value} && ($record->{value} // '') eq ($case->{value} // ''), "$case->{name}: value")
        or diag 'got ' . substr($record->{value} // 'null', 0, 200);
    is_deeply($record->{headers}, [ [ id => $case->{id} ], @{ $case->{headers} // [] } ], "$case->{name}: headers");
    is($record->{timestamp}, $case->{timestamp}, "$case->{name}: the timestamp is the time of the commit");
    is($record->{partition}, partition_of($case->{key}), "$case->{name}: partition") if defined $case->{key};
}

is($relay->terminate, 0, 'the relay ends in good order');
unlike($relay->whole_log, qr/\Q$canary\E/, 'no key, payload or header value in the log, even at level debug');
like($relay->whole_log, qr/not an envelope/, 'the forged message is reported');

done_testing();
