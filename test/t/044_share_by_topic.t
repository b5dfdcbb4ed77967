# Several relays share a database by topic, each with its own slot: together they deliver every topic, and no topic twice. Exactly-once delivery does
# not change its topics by accident: events that the relay has passed over would be missing, or come twice from another relay.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Test::More;

my %share = (orders => 'orders,payments', invoices => 'invoice.*', rest => 'audit.*,refunds,invoice');
my @topics = qw(orders refunds invoice invoice.eu invoice.us.west audit.login);

my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_) for @topics, 'extra';
my (%topic_of, %relay);    # what was emitted: topics by id

# Emits one event to each of these topics in one transaction. Returns the ids.
sub emit {
    my (@into) = @_;
    my @emitted;
    my $ids = $node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT '$_', outbox.emit('$_', 'k', '1')" } @into);
    for my $line (split /\n/, $ids) {
        my ($topic, $id) = split /\|/, $line;
        $topic_of{$id} = $topic;
        push @emitted, $id;
    }
    return @emitted;
}

# The records in Kafka: "topic id" => their number.
sub records {
    my %count;
    $count{"$_->{topic} $_->{headers}[0][1]"}++ for $kafka->consume(@topics, 'extra');
    return \%count;
}

sub expected { my %missing = map { $_ => 1 } @_; return { map { ("$topic_of{$_} $_" => 1) } grep { !$missing{$_} } keys %topic_of } }

sub name_of { my ($delivery, $share) = @_; return "outbox_${share}_" . $delivery =~ tr/-/_/r }

sub set_up {
    my ($slot, $delivery, $topics) = @_;
    return Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--slot', $slot, '--topics', $topics,
        ($delivery eq 'exactly-once' ? ('--delivery', $delivery, '--brokers', $kafka->brokers) : ()));
}

sub start_relay {
    my ($slot, $delivery, $topics) = @_;
    my @arguments = ('--slot', $slot, '--delivery', $delivery);
    return Outbox::Relay->new($node, name => $slot, kafka => $kafka, args => [ @arguments, defined $topics ? ('--topics', $topics) : () ])->start;
}

for my $delivery (qw(at-least-once exactly-once)) {
    for my $share (sort keys %share) {
        my $slot = name_of($delivery, $share);
        my ($code, $out, $err) = set_up($slot, $delivery, $share{$share});
        is($code, 0, "$delivery: setup for $share{$share}") or diag $err;
        like($out, qr/--slot $slot --topics '\Q$share{$share}\E'/, 'says how to run the relay');
        $relay{$share} = start_relay($slot, $delivery, $share{$share});
    }
    emit(@topics) for 1 .. 20;
    ok(wait_for_confirmation($node, name_of($delivery, $_)), "$delivery: $_ confirms all, its own and what is not") for sort keys %share;

    is($relay{invoices}->terminate, 0, "$delivery: one of them ends");
    my @waiting = grep { $topic_of{$_} =~ /^invoice\./ } emit(@topics);
    wait_for_confirmation($node, name_of($delivery, $_)) for qw(orders rest);
    is_deeply(records(), expected(@waiting), "$delivery: the others deliver theirs, once, and nothing of its");
    $relay{invoices}->start;
    ok(wait_for_confirmation($node, name_of($delivery, 'invoices')), "$delivery: until it is back");
    is_deeply(records(), expected(), "$delivery: every event once");
    next if $delivery eq 'exactly-once';
    for my $share (sort keys %share) {
        is($relay{$share}->terminate, 0, "$delivery: $share ends");
        drop_slot($node, name_of($delivery, $share));
    }
}

# ---- other topics, by accident and on purpose

my ($slot, $delivery) = (name_of('exactly-once', 'invoices'), 'exactly-once');
my ($code, $out, $err) = set_up($slot, $delivery, 'invoice.*,extra');
is($code, 5, 'setup with other topics is refused while the relay delivers') or diag $out, $err;
like($err, qr/stop its relay/, 'and says so');
ok($relay{invoices}->alive, 'the relay is not troubled');
is($relay{invoices}->terminate, 0, 'the relay ends');

for my $other ('invoice.*,extra', 'invoice', undef) {
    my ($name, $shown) = ($other // 'all', $other // '');
    my $mistaken = start_relay($slot, $delivery, $other);
    is($mistaken->wait_for_exit(30), 6, "topics $name instead of invoice.*: exit code 6");
    like($mistaken->log, qr/--topics "invoice\.\*" so far.*started with "\Q$shown\E"/, 'says what it was and what it is');
}
emit(@topics);
($code, $out, $err) = set_up($slot, $delivery, 'invoice.*,extra');
is($code, 0, 'setup with other topics') or diag $err;
like($out, qr/delivers --topics 'invoice\.\*,extra' from now on/, 'says so');
is(start_relay($slot, $delivery, 'invoice.*')->wait_for_exit(30), 6, 'now the old topics are refused');
emit(@topics, 'extra');
my $changed = start_relay($slot, $delivery, 'invoice.*,extra');
wait_for_confirmation($node, name_of($delivery, $_)) for sort keys %share;
is_deeply(records(), expected(), 'with the new ones every event comes once, also those from before');
is($_->terminate, 0, 'a relay ends') for $changed, @relay{qw(orders rest)};

done_testing();
