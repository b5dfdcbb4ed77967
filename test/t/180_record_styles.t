# --topic-template, --topic-prefix, --header-style, --key-style and --lsn-header change the records in Kafka, by both deliveries. The SDK of the
# CloudEvents project reads the records of that style.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->canonical;
my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
my $number = 0;

# Emits events (each an argument list of emit), lets a relay with these options deliver them, and returns the records of the topics in Kafka, and the
# ids.
sub delivered {
    my ($delivery, $options, $topics, @calls) = @_;
    my $slot = 'outbox_' . ++$number;
    my @run = ('--delivery', $delivery, '--slot', $slot);
    my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, @run);
    is($code, 0, "$delivery: setup") or diag $err;
    $kafka->create_topic($_, 4) for @$topics;
    my @ids = map { $node->safe_psql('postgres', "SELECT outbox.emit($_)") } @calls;
    my $relay = Outbox::Relay->new($node, name => "relay$number", kafka => $kafka, args => [ @run, @$options ])->start;
    ok(wait_for_confirmation($node, $slot), "$delivery @$options: everything is confirmed") or diag $relay->log;
    is($relay->terminate, 0, 'the relay ends in good order');
    my $log = $relay->whole_log;
    drop_slot($node, $slot);
    local $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $ENV{KAFKA_CLIENT_PROPERTIES} // (), 'isolation.level=read_committed';
    my @records = $kafka->consume(@$topics);
    return { records => \@records, ids => \@ids, log => $log };
}

sub headers_of { my ($record) = @_; return join ' ', map { "$_->[0]=" . ($_->[1] // 'null') } @{ $record->{headers} } }
sub of_value { my ($found, $value) = @_; return (grep { defined $_->{value} ? $_->{value} eq ($value // '') : !defined $value } @{ $found->{records} })[0] }

for my $delivery (qw(at-least-once exactly-once)) {
    # ---- topics and keys

    my $found = delivered($delivery, [qw(--topic-template outbox.event.{topic}.v1 --key-style json --lsn-header)], ["outbox.event.$delivery.v1"],
        qq{'$delivery', 42, '1'}, qq{'$delivery', E'a"\\\\b\\u0001\\nß', '2'}, qq{'$delivery', NULL::text, '3', 'created', '{"outbox-lsn":"mine","b":"x"}'::json});
    is(of_value($found, '1')->{key}, '"42"', "$delivery: a number's key is a JSON string");
    is(of_value($found, '2')->{key}, "\"a\\\"\\\\b\\u0001\\nß\"", 'with escapes');
    is(of_value($found, '3')->{key}, undef, 'no key stays none');
    like(headers_of(of_value($found, '1')), qr{^id=$found->{ids}[0] outbox-lsn=[0-9A-F]+/[0-9A-F]+$}, 'the LSN is a header');
    like(headers_of(of_value($found, '3')), qr{^id=$found->{ids}[2] type=created outbox-lsn=mine b=x outbox-lsn=[0-9A-F]+/[0-9A-F]+$},
        "the relay's comes last, and counts");

    $found = delivered($delivery, [qw(--topic-prefix shop.)], ["shop.$delivery"], qq{'$delivery', 'k', '1'});
    is(scalar @{ $found->{records} }, 1, "$delivery: a prefix");

    # ---- topics of the relay's own are recognized by their name in Kafka

    $found = delivered($delivery, [qw(--topic-template outbox.{topic})], ["outbox.own.$delivery"], q{'state', 'k', '1'}, q{'dead-letter', 'k', '2'},
        qq{'own.$delivery', 'k', '3'});
    is(join(' ', map { $_->{value} } @{ $found->{records} }), '3', "$delivery: the other is delivered");
    is(scalar(() = $found->{log} =~ /the topic is Kafka's or the relay's own/g), 2, 'no event gets into the state topic or to the dead letters by a template');

    # ---- an event whose topic's name becomes too long is refused, and does not hold up the stream

    $kafka->create_topic("letters.$delivery");
    my $long = 'x' x 249;
    $found = delivered($delivery, [ qw(--topic-prefix shop. --on-poison dead-letter --dead-letter-topic), "letters.$delivery" ], ["shop.next.$delivery"],
        qq{'$long', 'k', '1'}, qq{'next.$delivery', 'k', '2'});
    is(of_value($found, '2')->{key}, 'k', "$delivery: what follows a topic whose name is too long is delivered");
    my ($letter) = $kafka->consume("letters.$delivery");
    like(headers_of($letter), qr/^id=$found->{ids}[0] outbox-topic=shop\.$long outbox-reason=\S/, 'and itself is a dead letter');

    # ---- Debezium's headers

    $found = delivered($delivery, [qw(--header-style debezium)], ["debezium.$delivery"],
        qq{'debezium.$delivery', 'k', '1', 'created', '{"eventType":"created"}'}, qq{'debezium.$delivery', 'k', '2', 'created'});
    is(headers_of(of_value($found, '1')), "id=$found->{ids}[0] eventType=created", "$delivery: the id, and the event's own");
    is(headers_of(of_value($found, '2')), "id=$found->{ids}[1]", 'without a type');
}

# ---- CloudEvents

my @python = ('/usr/bin/python3', dirname(__FILE__) . '/../support/python/cloudevents_reader.py');

sub parsed {
    my ($record) = @_;
    my $base64 = sub { defined $_[0] ? encode_base64($_[0], '') : undef };
    my $line = $json->encode({ key => $base64->($record->{key}), value => $base64->($record->{value}),
        headers => [ map { [ $_->[0], $base64->($_->[1]) ] } @{ $record->{headers} } ] });
    local $ENV{PYTHONPATH} = "$ENV{OUTBOX_BUILD}/python";
    my ($out, $err) = ('', '');
    IPC::Run::run(\@python, '<', \"$line\n", '>', \$out, '2>', \$err) or die "@python: $err";
    return $json->decode($out);
}

my @cases = (
    { name => 'JSON with a type', call => q{'k', '{"n":1}', 'order.created'}, type => 'order.created', data => { n => 1 }, content => 'application/json' },
    { name => 'no type, no key', call => q{NULL::text, '"x"'}, data => 'x', content => 'application/json' },
    { name => 'bytes', call => q{'k', '\\xff00'::bytea}, data => 'ff00', content => 'application/octet-stream' },
    { name => 'bytes that say what they are', call => q{'k', '<a/>'::bytea, 't', '{"Content-Type":"application/xml"}'}, type => 't', data => '<a/>',
        content => 'application/xml' },
    { name => 'a tombstone', call => q{'k', NULL::text, 't', '{"content-type":"application/json"}'}, type => 't', data => undef },
    { name => 'headers', call => q{'k', '{}', 't', '{"subject":"42","tenant":"7","Tenant-Id":"8","source":"me","traceparent":"00-4bf9"}'::json}, type => 't', data => {},
        content => 'application/json', more => { subject => '42', tenant => '7', traceparent => '00-4bf9' }, plain => [qw(Tenant-Id=8 source=me traceparent=00-4bf9)] },
    { name => 'headers that pretend', call => q['k', '{}', 't', '{"ce_id":"forged","ce_source":"forged","CE_type":"forged","ce_time":"forged","ce_specversion":"0.3",]
            . q["content-type":"application/cloudevents+json","ce_x":"1","x":"2","ce_Bad-Name":"3","ce_y":"a\\nb","data":"4"}'::json],
        type => 't', data => {}, content => 'application/json', more => { x => '1' }, plain => [qw(x=2 data=4)] },
);

for my $delivery (qw(at-least-once exactly-once)) {
    my $topic = "ce.$delivery";
    my $found = delivered($delivery, [qw(--header-style cloudevents --ce-source /shop/orders)], [$topic], map { "'$topic', $_->{call}" } @cases);
    my %records = map { my $record = $_; map { $_->[0] eq 'ce_id' ? ($_->[1] => $record) : () } @{ $record->{headers} } } @{ $found->{records} };
    for my $i (0 .. $#cases) {
        my ($case, $id) = ($cases[$i], $found->{ids}[$i]);
        my $record = $records{$id};
        ok($record, "$delivery, $case->{name}: is there") or next;
        my $event = parsed($record);
        is($event->{refused}, undef, 'the SDK takes it') or next;
        my ($s, $ms) = (int($record->{timestamp} / 1000), $record->{timestamp} % 1000);
        my @utc = gmtime $s;
        my $time = sprintf '%04d-%02d-%02d %02d:%02d:%02d.%03d000+00:00', $utc[5] + 1900, $utc[4] + 1, @utc[3, 2, 1, 0], $ms;
        my %expected = (specversion => '1.0', id => $id, source => '/shop/orders', type => $case->{type} // $topic, time => $time, %{ $case->{more} // {} });
        $expected{datacontenttype} = $case->{content} if $case->{content};
        $expected{partitionkey} = $record->{key} if defined $record->{key};
        delete $event->{attributes}{time}, delete $expected{time} if !$ms;    # which Python prints without its zeros
        is_deeply($event->{attributes}, \%expected, 'with these attributes');
        is_deeply($event->{data}, $case->{data}, 'and this data');
        my %of_relay = map { $_ => 1 } qw(ce_specversion ce_id ce_source ce_type ce_time content-type), map { "ce_$_" } keys %{ $case->{more} // {} };
        my @plain = map { "$_->[0]=$_->[1]" } grep { !$of_relay{ $_->[0] } } @{ $record->{headers} };
        is_deeply(\@plain, $case->{plain} // [], 'the other headers are as the event has them');
        my %times;
        $times{ $_->[0] }++ for @{ $record->{headers} };
        is_deeply([ grep { $times{$_} > 1 } keys %times ], [], 'no name twice');
    }
}

done_testing();
