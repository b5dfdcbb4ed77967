# `outbox-relay dead-letters` lists the events that the relay has set aside: id, topic and reason, without payloads. The command leaves no consumer
# group in Kafka.
use strict;
use warnings;

use JSON::PP ();
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;

my $kafka = Outbox::Kafka->new->start;
my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my @kafka = ('--brokers', $kafka->brokers);
sub letters { my ($code, $out, $err) = Outbox::Relay::call('dead-letters', @kafka, @_); is($code, 0, "dead-letters @_") or diag $err; return $out }

like(letters(), qr/\A0 dead letters in topic "outbox\.dead-letter"$/m, 'no topic: no dead letters');

# Compacted topics refuse events without a key.
$kafka->create_topic($_, 1, 'cleanup.policy=compact') for qw(orders invoices);
$kafka->create_topic('outbox.dead-letter', 3);
my %id = map {
    my $topic = $_;
    ($topic => [ map { $node->safe_psql('postgres', qq{SELECT outbox.emit('$topic', NULL::text, '{"secret":"canary-$_"}', 'made')}) } 1 .. 3 ])
} qw(orders invoices);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--on-poison dead-letter)])->start;
wait_for_confirmation($node);

my $out = letters();
my @lines = split /\n/, $out;
like(pop @lines, qr/^(?:[6-9]|1[0-8]) dead letters in topic "outbox\.dead-letter"$/, 'all are there');
my %seen = map { ((split /  /)[2] => 1) } @lines;    # at least once: the same may be there again, up to twice
is_deeply([ sort keys %seen ], [ sort map { @$_ } values %id ], 'with their ids');
like($lines[0], qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  (?:orders|invoices)  [0-9a-f-]{36}  \d+ bytes  .*\S/, 'time, topic, id, size, reason');
unlike($out, qr/canary/, 'and no payload');
my @objects = map { JSON::PP::decode_json($_) } split /\n/, letters(qw(--json --topic orders));
%seen = map { ($_->{id} => 1) } @objects;
is_deeply([ sort keys %seen ], [ sort @{ $id{orders} } ], '--topic, as JSON');
is_deeply([ grep { $_->{type} ne 'made' } @objects ], [], 'with the type');
like($objects[0]{reason}, qr/\S/, 'and the reason');
is(scalar(split /\n/, letters(qw(--limit 2 --json))), 2, '--limit shows the last ones');
is($relay->terminate, 0, 'the relay ends');

my ($code, undef, $err) = Outbox::Relay::call('dead-letters');
is($code, 2, 'without --brokers: exit code 2');
like($err, qr/dead-letters needs --brokers/, 'and says so');

done_testing();
