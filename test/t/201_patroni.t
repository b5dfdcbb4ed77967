# Three members under Patroni, and a relay whose DSN names them all. After switchovers, and after the death of the primary's server or machine, under
# load: every order that the new primary has has its event, the order of each key holds, and events come within seconds of the new primary. The test
# counts what Patroni cannot prevent: events of transactions that only the old primary had, and that were lost with it.
# Takes long.
use strict;
use warnings;

use Outbox::Form;
use Outbox::Kafka;
use Outbox::Patroni;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $missing = Outbox::Patroni::missing();
plan skip_all => "not installed: $missing" if $missing;
plan skip_all => 'its servers have no certificates' if $ENV{TLS};

my $kafka = Outbox::Kafka->new->start;
my $folder = PostgreSQL::Test::Utils::tempdir('writer');

# Places one order after the other, each in a transaction and over a connection of its own to the member that is the primary.
my $writer = <<'END_SH';
number=0
while [ ! -e "$1/stop" ]; do
    number=$((number + 1))
    psql -XAtq -v ON_ERROR_STOP=1 -d "$2" 2>>"$1/errors" <<SQL || sleep 0.2
BEGIN;
INSERT INTO orders VALUES ($number);
SELECT set_config('a.b', outbox.emit('orders', 'k', '{"number":$number}')::text, true);
COMMIT;
SQL
done
END_SH

sub start_writer {
    my ($cluster, $delivery) = @_;
    my $own = "$folder/$delivery";
    mkdir $own;
    my $process = Outbox::Process->spawn(name => 'writer', stdout => "$own/out", stderr => "$own/err",
        command => [ 'bash', '-c', $writer, 'writer', $own, $cluster->connstr . ' user=postgres connect_timeout=2' ]);
    return sub { open my $file, '>', "$own/stop" or die $!; close $file; $process->wait_for_exit(60); return };
}

# The primary's answer to a query, or '' while there is no primary.
sub ask { my ($cluster, $statement) = @_; return eval { $cluster->sql($statement) } // '' }
sub last_order { my ($cluster) = @_; return ask($cluster, 'SELECT coalesce(max(number), 0) FROM orders') || 0 }

# Waits until everything that is committed now is delivered.
sub wait_until_delivered {
    my ($cluster, $what, $meanwhile) = @_;
    my $lsn;
    wait_until { $lsn = ask($cluster, 'SELECT pg_current_wal_insert_lsn()') } "$what: the primary answers", 60;
    wait_until { $meanwhile->() if $meanwhile; ask($cluster, qq{SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'outbox'}) eq 't' } "$what: all is delivered", 90;
    return;
}

# The number of changes of the primary; the same server may become primary again.
sub timeline { my ($cluster) = @_; return hex(ask($cluster, 'SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)') || 0) }

# The seconds from the end of one primary to the first event of the next.
sub time_until_next_event {
    my ($cluster, $what, $meanwhile) = @_;
    my $timeline = timeline($cluster);
    my $start = time;
    my $before = $cluster->$what;
    wait_until { timeline($cluster) > $timeline } "$what: there is a new primary", 90;
    my $promoted = time;
    my $saved = last_order($cluster);
    wait_until { last_order($cluster) > $saved } "$what: an order is saved", 60;
    wait_until_delivered($cluster, $what, $meanwhile);
    return ($before, $promoted - $start, time - $promoted);
}

# make test ALL=1 plays one kind of each, because each takes a minute; make test-failover plays all.
my @all = qw(switchover kill_server switchover kill_machine);
my %failovers = ('at-least-once' => ['kill_server'], 'exactly-once' => ['switchover']);
%failovers = map { $_ => [@all] } keys %failovers if ($ENV{FAILOVERS} // '') eq 'all';

# Up to PostgreSQL 16 consumers may have an event whose transaction is lost with the old primary. Exactly-once delivery then stops; an operator
# accepts what consumers have seen, and starts the relay again.
sub accept_what_is_lost {
    my ($relay, @setup) = @_;
    return 0 if $relay->alive;
    is($relay->wait_for_exit(1), 6, 'the relay has stopped because consumers have seen what the new primary has lost');
    my ($code, $out, $err) = Outbox::Relay::call(@setup, '--reset-state');
    is($code, 0, 'an operator accepts that') or diag "$out$err";
    $relay->start;
    return 1;
}

# With the hosted form Patroni may make the slot only after setup has made the publication. Patroni drops the slot that this first setup makes.
sub set_up_hosted_form {
    my ($cluster, $delivery) = @_;
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $cluster->connstr . ' user=postgres');
    is($code, 0, "$delivery: emit and publication are there") or diag "$out$err";
    $cluster->sql(q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'outbox'});
    $cluster->keep_slot('pgoutput');
    return;
}

for my $delivery (sort keys %failovers) {
    my $cluster = Outbox::Patroni->new(plugin => Outbox::Form::is_hosted() ? undef : 'outbox')->start;
    $kafka->delete_topic('orders') if $delivery eq 'exactly-once';
    $kafka->create_topic('orders', 1);
    $cluster->sql('CREATE TABLE orders (number int PRIMARY KEY)');
    my @setup = ('setup', '--dsn', $cluster->connstr . ' user=postgres', '--relay-role', 'relay', '--brokers', $kafka->brokers, '--delivery', $delivery);
    set_up_hosted_form($cluster, $delivery) if Outbox::Form::is_hosted();
    # Patroni has created the slot, and no event has been delivered.
    my ($code, $out, $err) = Outbox::Relay::call(@setup, $delivery eq 'exactly-once' ? '--reset-state' : ());
    is($code, 0, "$delivery: set up, with the slot that Patroni has made") or diag "$out$err";
    my $relay = Outbox::Relay->new(undef, name => $delivery, dsn => $cluster->connstr, kafka => $kafka, args => [ '--delivery', $delivery ])->start;
    my $stop_writer = start_writer($cluster, $delivery);
    my $accepted = 0;
    for my $what (@{ $failovers{$delivery} }) {
        my ($before, $promotion_s, $event_s) = time_until_next_event($cluster, $what, sub { $accepted += accept_what_is_lost($relay, @setup) });
        diag sprintf "%s: %s: a new primary after %.1f s, its first event confirmed %.1f s later", $delivery, $what, $promotion_s, $event_s;
        cmp_ok($event_s, '<', 30, "$delivery: $what: events come on");
        $cluster->start_member($before) if $what eq 'kill_machine';
        $cluster->wait_for_members;
    }
    $stop_writer->();
    wait_until_delivered($cluster, $delivery);
    my %saved = map { $_ => 1 } split /\n/, $cluster->sql('SELECT number FROM orders');
    my @delivered = map { $_->{value} =~ /"number":(\d+)/ } $kafka->consume('orders');
    my %delivered;
    $delivered{$_}++ for @delivered;
    my @lost = grep { !$delivered{$_} } sort { $a <=> $b } keys %saved;
    is_deeply(\@lost, [], "$delivery: none of " . keys(%saved) . ' saved orders is without its event');
    my @phantoms = grep { !$saved{$_} } keys %delivered;
    diag "$delivery: " . keys(%saved) . ' orders, ' . (@delivered - keys %delivered) . ' repetitions, ' . @phantoms . ' events of transactions that were lost with the old primary';
    cmp_ok($accepted, '<=', @phantoms, "$delivery: the relay has stopped for no other reason");
    is(@delivered - keys %delivered, 0, "$delivery: none comes twice") if $delivery eq 'exactly-once';
    my %first;
    my @order = grep { !$first{$_}++ } @delivered;
    is_deeply(\@order, [ sort { $a <=> $b } @order ], "$delivery: in order");
    is($relay->terminate, 0, "$delivery: the relay lived through all of it") or diag $relay->whole_log;
    $cluster->stop;
}

done_testing();
