# pg_upgrade from PostgreSQL up to 16, as docs/upgrading.md says: the slot is lost, and no event with it. Applications place orders before and after
# the upgrade, and with either delivery Kafka has each order's event once. An application that starts before setup places no order without its event.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Major;
use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my @upgrades = upgrades(0);
$Outbox::Relay::call_patience_s = 180;    # setup and drain wait for servers
my $kafka = Outbox::Kafka->new->start;

sub play {
    my ($delivery, @majors) = @_;
    my $what = "$majors[0] to $majors[1], $delivery";
    my $suffix = $what =~ tr/ ,-//dr;
    $kafka->create_topic('orders', 1);
    my $old = old_server("old$suffix", $majors[0]);
    $old->safe_psql('postgres', 'CREATE TABLE orders (number int PRIMARY KEY)');
    my @setup = ('setup', '--dsn', $old->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', $delivery);
    my ($code, $out, $err) = Outbox::Relay::call(@setup);
    is($code, 0, "$what: set up") or diag "$out$err";
    my $relay = Outbox::Relay->new($old, name => $suffix, kafka => $kafka, args => [ '--delivery', $delivery ])->start;
    my $stop_orders = begin_orders($old);

    # ---- the upgrade, step by step

    my $new = new_server("new$suffix", $majors[1], $old);
    $stop_orders->(20);
    ($code, $out, $err) = Outbox::Relay::call('drain', '--dsn', $old->connstr('postgres') . ' user=relay', qw(--timeout 120));
    is($code, 0, "$what: everything is delivered") or diag $err;
    $old->stop('fast');
    is($relay->terminate, 0, "$what: the relay has stopped");
    unlike($relay->log, qr/stopped before Kafka had everything/, "$what: with nothing left to deliver");
    my ($status, $said) = pg_upgrade($old, $new);
    is($status, 0, "$what: upgraded") or diag $said;
    $new->start;
    is(slot($new, 'count(*)'), 0, "$what: the slot is lost");

    # ---- what starts too early

    my ($psql, undef, $error) = $new->psql('postgres', qq{\\set VERBOSITY verbose\nBEGIN; INSERT INTO orders VALUES (1); SELECT outbox.emit('orders', 'k', '{"number":1}'); COMMIT}, on_error_stop => 1);
    isnt($psql, 0, "$what: an application that starts before setup places no order");
    like($error, qr/ERROR:  42704: no replication slot can deliver the event.*HINT:.*outbox-relay setup/s, "$what: and is told why, and what helps");
    is($new->safe_psql('postgres', 'SELECT count(*) FROM orders WHERE number = 1'), 0, "$what: nothing of it is saved");
    $relay->start;
    is($relay->wait_for_exit(120), 3, "$what: a relay that starts before setup ends with 3");
    like($relay->log, qr/slot "outbox" does not exist.*outbox-relay setup/s, "$what: and says what helps");

    # ---- the upgrade goes on

    ($code, $out, $err) = Outbox::Relay::call(@setup);
    is($code, 0, "$what: set up again, with the same options") or diag "$out$err";
    $relay->start;
    return end_upgrade($new, $kafka, $relay, begin_orders($new), $what);
}

play_upgrades(\&play, @upgrades);
