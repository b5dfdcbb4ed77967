# pg_upgrade from PostgreSQL 15 to 17, as docs/upgrading.md says: the slot is lost, and no event with it. Applications place orders before and after
# the upgrade, and with either delivery Kafka has each order's event once. An application that starts before setup places no order without its event.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Major;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my @majors = (15, 17);
require_majors(@majors);
my $kafka = Outbox::Kafka->new->start;

for my $delivery (qw(at-least-once exactly-once)) {
    my $suffix = $delivery =~ tr/-//dr;
    $kafka->delete_topic('orders') if $delivery eq 'exactly-once';
    $kafka->create_topic('orders', 1);
    my $old = old_server("old$suffix", $majors[0]);
    $old->safe_psql('postgres', 'CREATE TABLE orders (number int PRIMARY KEY)');
    my @setup = ('setup', '--dsn', $old->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', $delivery);
    my ($code, $out, $err) = Outbox::Relay::call(@setup);
    is($code, 0, "$delivery: set up") or diag "$out$err";
    my $relay = Outbox::Relay->new($old, name => $delivery, kafka => $kafka, args => [ '--delivery', $delivery ])->start;
    my $stop_orders = begin_orders($old);

    # ---- the upgrade, step by step

    my $new = new_server("new$suffix", $majors[1], $old);
    $stop_orders->(20);
    ($code, $out, $err) = Outbox::Relay::call('drain', '--dsn', $old->connstr('postgres') . ' user=relay', qw(--timeout 60));
    is($code, 0, "$delivery: everything is delivered") or diag $err;
    $old->stop('fast');
    is($relay->terminate, 0, "$delivery: the relay has stopped");
    unlike($relay->log, qr/stopped before Kafka had everything/, "$delivery: with nothing left to deliver");
    my ($status, $said) = pg_upgrade($old, $new);
    is($status, 0, "$delivery: upgraded") or diag $said;
    $new->start;
    is(slot($new, 'count(*)'), 0, "$delivery: the slot is lost");

    # ---- what starts too early

    my ($psql, undef, $error) = $new->psql('postgres', qq{\\set VERBOSITY verbose\nBEGIN; INSERT INTO orders VALUES (1); SELECT outbox.emit('orders', 'k', '{"number":1}'); COMMIT}, on_error_stop => 1);
    isnt($psql, 0, "$delivery: an application that starts before setup places no order");
    like($error, qr/ERROR:  42704: no replication slot can deliver the event.*HINT:.*outbox-relay setup/s, "$delivery: and is told why, and what helps");
    is($new->safe_psql('postgres', 'SELECT count(*) FROM orders WHERE number = 1'), 0, "$delivery: nothing of it is saved");
    $relay->start;
    is($relay->wait_for_exit(60), 3, "$delivery: a relay that starts before setup ends with 3");
    like($relay->log, qr/slot "outbox" does not exist.*outbox-relay setup/s, "$delivery: and says what helps");

    # ---- the upgrade goes on

    ($code, $out, $err) = Outbox::Relay::call(@setup);
    is($code, 0, "$delivery: set up again, with the same options") or diag "$out$err";
    $relay->start;
    $stop_orders = begin_orders($new);
    $stop_orders->(20);
    ok(wait_for_confirmation($new), "$delivery: the events that follow are delivered");
    judge_orders($new, $kafka, $delivery);
    is($relay->terminate, 0, "$delivery: the relay ends in good order");
    $new->stop;
}

done_testing();
