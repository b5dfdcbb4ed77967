# The options for the form of records, and headers of bytes, with the hosted form: emit in SQL, and a slot of pgoutput.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', bare => 1);
my $kafka = Outbox::Kafka->new->start;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my %headers = (
    plain => sub { my ($id) = @_; "id=$id bytes=\x00\xff tenant=7 type=created" },
    debezium => sub { my ($id) = @_; "id=$id bytes=\x00\xff tenant=7" },
    cloudevents => sub { my ($id) = @_; "ce_id=$id bytes=\x00\xff ce_source=/shop ce_specversion=1.0 ce_tenant=7 ce_type=created content-type=application/json" },
);
for my $delivery (qw(at-least-once exactly-once)) {
    for my $style (sort keys %headers) {
        my $slot = "outbox_$style" . '_' . $delivery =~ tr/-/_/r;
        my @run = ('--delivery', $delivery, '--slot', $slot);
        my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--brokers', $kafka->brokers, '--plugin', 'pgoutput', @run);
        is($code, 0, "$slot: setup") or diag $err;
        $node->safe_psql('postgres', "UPDATE outbox.settings SET slots = '{$slot}'");
        $kafka->create_topic("shop.$slot");
        my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
        my $id = $node->safe_psql('postgres', qq[SELECT outbox.emit('$slot', 42, '{"n":1}', 'created', '{"bytes":{"base64":"AP8="},"tenant":"7"}')]);
        my $after = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
        my $relay = Outbox::Relay->new($node, name => $slot, kafka => $kafka, user => $user,
            args => [ @run, qw(--topic-prefix shop. --key-style json --lsn-header --header-style), $style, $style eq 'cloudevents' ? qw(--ce-source /shop) : () ])->start;
        ok(wait_for_confirmation($node, $slot), "$slot: everything is confirmed") or diag $relay->log;
        is($relay->terminate, 0, 'the relay ends in good order');
        local $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $ENV{KAFKA_CLIENT_PROPERTIES} // (), 'isolation.level=read_committed';
        my ($record) = $kafka->consume("shop.$slot");
        is($record->{key}, '"42"', 'the key is a JSON string');
        is($record->{value}, '{"n":1}', 'the value is there');
        my %found = map { @$_ } @{ $record->{headers} };
        my $lsn = delete $found{'outbox-lsn'};
        is($node->safe_psql('postgres', "SELECT '$lsn'::pg_lsn > '$before' AND '$lsn'::pg_lsn <= '$after'"), 't', 'the LSN is of the commit');
        delete $found{ce_time};
        is(join(' ', map { "$_=$found{$_}" } sort { ($b =~ /id$/) <=> ($a =~ /id$/) || $a cmp $b } keys %found), $headers{$style}->($id), 'and so are the headers');
        $node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$slot')");
    }
}

done_testing();
