# PostgreSQL 17 and later: two standbys, named in synchronized_standby_slots, copy the primary's failover slot. After a promotion, planned or after a
# crash and with both deliveries, every order that the new primary has has its event, and every event has its order, because the primary sends no
# event before those standbys have it. A standby that is away holds events back, and loses none.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node qw(:DEFAULT settings_of_standby);
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($major) = `postgres -V` =~ /(\d+)/;
plan skip_all => 'before PostgreSQL 17 there are no failover slots' if $major < 17;

my $kafka = Outbox::Kafka->new->start;
my @standby_names = qw(near far);
my $orders = 0;

# Each order is a transaction of its own, so that each can be lost alone.
sub save_orders {
    my ($primary, $count) = @_;
    my $last = $orders + $count;
    $primary->safe_psql('postgres',
        "DO \$\$ BEGIN FOR i IN $orders + 1 .. $last LOOP INSERT INTO orders VALUES (i); PERFORM outbox.emit('orders', 'k', i::text); COMMIT; END LOOP; END \$\$");
    $orders = $last;
    return;
}

sub host { my ($node) = @_; return $ENV{TLS} ? '127.0.0.1' : $node->host }

# The DSN of all servers, for the one that takes writes.
sub connstr_of {
    my (@nodes) = @_;
    return 'host=' . join(',', map { host($_) } @nodes) . ' port=' . join(',', map { $_->port } @nodes) . ' dbname=postgres target_session_attrs=read-write';
}

# The connection string has a dbname, which the synchronization of slots needs.
sub conninfo_of { my ($node) = @_; return "host=${\ host($node)} port=${\ $node->port} dbname=postgres" }

sub make_standby {
    my ($primary, $name, $generation) = @_;
    my $node = PostgreSQL::Test::Cluster->new("$name$generation");
    $node->init_from_backup($primary, $generation, has_streaming => 1);
    $node->append_conf('postgresql.conf', settings_of_standby(conninfo_of($primary), $name));
    $node->start;
    return $node;
}

# The copy of the slot on a standby is ready when it survives a promotion.
sub is_ready { my ($standby) = @_; return $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'outbox' AND synced AND NOT temporary AND invalidation_reason IS NULL}) }

sub wait_until_ready { my (@standbys) = @_; wait_until { @standbys == grep { is_ready($_) eq '1' } @standbys } 'the standbys have the slot', 90; return }

# A promotion needs a standby that streams, and the slot of that standby's own standby.
sub name_standbys {
    my ($node, @names) = @_;
    $node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('$_') WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$_')") for @names;
    $node->safe_psql('postgres', "ALTER SYSTEM SET synchronized_standby_slots = '" . join(', ', @names) . "'");
    $node->safe_psql('postgres', 'SELECT pg_reload_conf()');
    return;
}

sub judge {
    my ($what, $primary, $delivery) = @_;
    my @saved = split /\n/, $primary->safe_psql('postgres', 'SELECT number FROM orders ORDER BY 1');
    my @delivered = map { $_->{value} } $kafka->consume('orders');
    my (%delivered, %saved);
    my @first = grep { !$delivered{$_}++ } @delivered;
    @saved{@saved} = ();
    is_deeply([ grep { !$delivered{$_} } @saved ], [], "$what: none of " . @saved . ' saved orders is without its event');
    is_deeply([ grep { !exists $saved{$_} } @first ], [], "$what: no event is of an order that was lost");
    is_deeply(\@first, [ sort { $a <=> $b } @first ], "$what: in order");
    my $repeated = @delivered - @first;
    if ($delivery eq 'exactly-once') { is($repeated, 0, "$what: none comes twice") }
    else { diag "$what: $repeated of " . @first . ' events came twice' }
    return;
}

for my $delivery (qw(at-least-once exactly-once)) {
    my $suffix = $delivery =~ tr/-//dr;
    my $primary = outbox_node("first$suffix", conf => "wal_level = logical\nhot_standby = on\n");
    $kafka->delete_topic('orders') if $delivery eq 'exactly-once';
    $kafka->create_topic('orders', 1);
    $orders = 0;
    $primary->safe_psql('postgres', 'CREATE TABLE orders (number int PRIMARY KEY)');
    name_standbys($primary, @standby_names);
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $primary->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', $delivery);
    is($code, 0, "$delivery: set up") or diag "$out$err";
    is(slot($primary, 'failover'), 't', "$delivery: setup makes a failover slot");
    $primary->backup($suffix);
    my ($near, $far) = map { make_standby($primary, $_, $suffix) } @standby_names;
    my $relay = Outbox::Relay->new($primary, name => $delivery, kafka => $kafka, dsn => connstr_of($primary, $near, $far), args => [ '--delivery', $delivery ])->start;
    save_orders($primary, 100);
    ok(wait_for_confirmation($primary), "$delivery: events go out while the standbys read along");
    wait_until_ready($near, $far);

    # ---- a standby that is away

    $far->stop;
    save_orders($primary, 10);
    my $end = current_lsn($primary);
    $relay->wait_for_log(qr/synchronized_standby_slots|standby/, 90);
    is(slot($primary, "confirmed_flush_lsn < '$end'"), 't', "$delivery: a standby that is away holds events back");
    $far->start;
    ok(wait_for_confirmation($primary), "$delivery: they go out when the standby is back");
    wait_until_ready($near, $far);

    # ---- a planned promotion

    save_orders($primary, 100);
    $primary->stop('fast');
    $near->promote;
    name_standbys($near);
    save_orders($near, 100);
    ok(wait_for_confirmation($near), "$delivery: the stream goes on after a planned promotion");
    judge("$delivery, planned", $near, $delivery);

    # ---- a crash under load, with the other standby at the new primary

    name_standbys($near, 'far');
    $far->append_conf('postgresql.conf', "primary_conninfo = '" . conninfo_of($near) . "'\n");
    $far->reload;
    save_orders($near, 50);
    ok(wait_for_confirmation($near), "$delivery: events wait for the standby of the new primary");
    wait_until_ready($far);
    save_orders($near, 300);
    crash($near);
    $far->promote;
    name_standbys($far);
    $orders += 1000;    # what was saved and is lost with the crash is not saved again under the same number
    save_orders($far, 100);
    ok(wait_for_confirmation($far), "$delivery: the stream goes on after a crash");
    judge("$delivery, crash", $far, $delivery);

    # ---- the old primary comes back as a second primary

    $primary->start;
    my $before = slot($primary, 'confirmed_flush_lsn');
    save_orders($far, 20);
    ok(wait_for_confirmation($far), "$delivery: the relay stays with the new primary");
    is(slot($primary, 'active'), 'f', "$delivery: nobody reads the old one's slot");
    is(slot($primary, 'confirmed_flush_lsn'), $before, "$delivery: which stands still");
    judge("$delivery, old primary", $far, $delivery);
    is($relay->terminate, 0, "$delivery: the relay lived through all of it") or diag $relay->whole_log;
    $_->stop('immediate') for $primary, $far;
}

done_testing();
