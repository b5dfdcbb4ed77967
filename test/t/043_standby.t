# A standby waits for the slot and takes over: from a relay that was killed, that froze or that ended, and at once with --takeover. Fifty takeovers in
# a row, also from frozen relays that wake up while another relay delivers, keep the promise of each delivery.
# Takes long.
use strict;
use warnings;

use List::Util qw(max);
use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed slowness slurp wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $takeovers = 50;
my $sender_timeout_s = 2;
my $patience_s = 2;    # beyond what the server needs to see that a relay has gone

# A takeover from a frozen relay takes wal_sender_timeout, so there are fewer of these.
my @ends = ((qw(kill terminate takeover kill takeover) x 9), ('freeze') x 5);

my ($node, $kafka, $workload, $delivery);    # of the delivery under test
my $started = 0;

sub start_relay {
    my (@arguments) = @_;
    return Outbox::Relay->new($node, name => "$delivery-" . ++$started, kafka => $kafka, args => [ '--delivery', $delivery, @arguments ])->start;
}

sub start_standby {
    my $relay = start_relay(@_);
    $relay->wait_for_log(qr/active for PID/);
    return $relay;
}

# A waiting relay may ask for the slot in the very millisecond in which it is free, so waiting relays are frozen meanwhile.
sub takeover_beside {
    my (@waiting) = @_;
    $_->signal('STOP') for @waiting;
    return start_relay('--takeover');
}

# The server has more for the frozen relay than the socket takes, and waits.
sub fill_socket_of {
    my ($frozen) = @_;
    $frozen->signal('STOP');
    $node->safe_psql('postgres', q{SELECT count(outbox.emit('aside', 'k', json_build_array(repeat('x', 100000))::text)) FROM generate_series(1, 60)});
    $node->poll_query_until('postgres', q{SELECT wait_event = 'WalSenderWriteData' FROM pg_stat_activity WHERE backend_type = 'walsender'})
        or die 'the socket takes everything';
    return;
}

# With exactly-once delivery this log line comes when the relay has fenced the relay before and read the position.
sub times_delivering { my ($relay) = @_; return $relay->count_log($delivery eq 'exactly-once' ? qr/exactly once from/ : qr/streaming from slot/) }

sub wait_until_delivering {
    my ($relay, $times) = @_;
    wait_until { times_delivering($relay) >= $times } "$delivery: it takes over", 30;
    return;
}

sub set_up {
    ($delivery) = @_;
    $node = outbox_node($delivery =~ tr/-//dr, conf => "wal_sender_timeout = ${sender_timeout_s}s\n");
    $kafka = Outbox::Kafka->new->start;
    $kafka->create_topic($_, 6) for Outbox::Workload->topics, 'aside';
    if ($delivery eq 'exactly-once') {
        my ($code, undef, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
        is($code, 0, "$delivery: set up") or diag $err;
    }
    else {
        create_slot($node);
    }
    $workload = Outbox::Workload->new($node);
    return;
}

# Returns the seconds from the end of one relay to the confirmation of a later event. The limit follows the speed of the machine.
sub takes_over_within {
    my ($seconds, $what, $end) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $busy = slowness();
    my $start = time;
    my $relay = $end->();
    wait_until_delivering($relay, 1);
    my $delivering = time - $start;
    $node->safe_psql('postgres', q{SELECT outbox.emit('aside', 'k', '1')});
    wait_for_confirmation($node);
    my $confirmed = time - $start;
    $busy = max($busy, slowness());
    cmp_ok($confirmed, '<', $seconds * $busy, sprintf '%s: %s: delivers after %.2f s, has confirmed after %.2f s, on a machine %.1f times as slow as alone',
        $delivery, $what, $delivering, $confirmed, $busy);
    return $relay;
}

sub one_by_one {
    my $first = start_relay('--takeover');    # from nobody
    wait_until_delivering($first, 1);
    my $second = start_standby();
    my $asked = sub { () = slurp($node->logfile) =~ /replication slot "outbox" is active/g };
    my $before = $asked->();
    wait_until { $asked->() >= $before + 3 } 'it asks again';
    is($second->count_log(qr/active for PID/), 1, "$delivery: the standby has said once that it waits");

    takes_over_within($patience_s, 'kill -9', sub { $first->kill_nine; $second });
    my $third = start_standby();
    takes_over_within($sender_timeout_s + $patience_s, 'SIGSTOP', sub { $second->signal('STOP'); $third });
    $second->signal('CONT');
    $second->wait_for_log(qr/active for PID/);

    fill_socket_of($third);
    my $fourth = takes_over_within($patience_s, '--takeover from a frozen one', sub { takeover_beside($second) });
    $_->signal('CONT') for $second, $third;
    $third->wait_for_log(qr/active for PID/);
    my $fifth = takes_over_within($patience_s, '--takeover from one that was started with it', sub { takeover_beside($second, $third) });
    $_->signal('CONT') for $second, $third;
    $fourth->wait_for_log(qr/active for PID/);
    my $reader = slot($node, 'active_pid');
    sleep 1.5;    # longer than the longest pause between two attempts
    is(slot($node, 'active_pid'), $reader, "$delivery: nobody fights back,");
    is(scalar(grep { $_->alive } $second, $third, $fourth), 3, "$delivery: all others wait");
    is($_->terminate, 0, "$delivery: a relay that waits ends in good order") for $second, $third, $fourth;
    return $fifth;
}

# Each function returns the relay that delivers afterwards, and the relay that waits.
my %take_over = (
    kill => sub { my ($active, $standby) = @_; $active->kill_nine; return ($standby) },
    terminate => sub { my ($active, $standby) = @_; $active->signal('TERM'); return ($standby, undef, $active) },
    takeover => sub { my ($active, $standby) = @_; $standby->kill_nine; return (start_relay('--takeover'), $active) },
    freeze => sub { my ($active, $standby) = @_; $active->signal('STOP'); return ($standby, $active) },
);

sub many {
    my ($active) = @_;
    my ($standby, $loaded, %longest) = (undef, 0);
    for my $end (sort { $a->[1] <=> $b->[1] } map { [ $_, rand ] } @ends) {
        ($end) = @$end;
        $standby //= start_standby();
        my $times = times_delivering($standby);
        $workload->start(2, 600) if !$workload->running;
        sleep 0.05 + rand 0.15;
        $loaded++ if $workload->running;
        my $start = time;
        my ($next, $waits, $ends) = $take_over{$end}->($active, $standby);
        wait_until_delivering($next, $next == $standby ? $times + 1 : 1);
        my $seconds = time - $start;
        $longest{$end} = $seconds if $seconds > ($longest{$end} // 0);
        is($ends->wait_for_exit(20), 0, "$delivery: SIGTERM in the middle of the work is a good end") if $ends;
        if ($end eq 'freeze') {    # it wakes up while the other delivers
            $workload->start(2, 600) if !$workload->running;
            sleep rand 0.2;
            $waits->signal('CONT');
        }
        ($active, $standby) = ($next, $waits);
    }
    note sprintf '%s: %s: after %.2f s at the latest', $delivery, $_, $longest{$_} for sort keys %longest;
    cmp_ok($loaded, '>=', $takeovers * 0.7, "$delivery: writers wrote meanwhile");
    $standby->kill_nine if $standby;
    return $active;
}

# --slot is mistyped.
sub nobody_elses_slot {
    create_slot($node, 'foreign', 'test_decoding');
    my $reader = Outbox::Process->spawn(
        command => [ 'pg_recvlogical', '-d', $node->connstr('postgres'), qw(--slot foreign --start --no-loop -f -) ],
        name => 'pg_recvlogical', stdout => '/dev/null', stderr => '/dev/null');
    $node->poll_query_until('postgres', q{SELECT active FROM pg_replication_slots WHERE slot_name = 'foreign'});
    my $mistyped = start_relay('--takeover', '--slot', 'foreign');
    is($mistyped->wait_for_exit(20), 4, '--takeover of a slot that is not a relay\'s is refused,');
    ok($reader->alive && slot($node, 'active', 'foreign') eq 't', 'and its reader is left alone');
    $reader->kill_nine;
    return;
}

is(scalar @ends, $takeovers, 'so many takeovers');
random_seed();
for ([ 'at-least-once', 'any' ], [ 'exactly-once', 'none' ]) {
    my $duplicates = $_->[1];
    my $start = time;
    set_up($_->[0]);
    my $active = many(one_by_one());
    nobody_elses_slot() if $delivery eq 'at-least-once' && Outbox::Node::has_module('test_decoding');
    $workload->stop;
    ok(wait_for_confirmation($node), "$delivery: everything is confirmed in the end");
    is($active->terminate, 0, "$delivery: the last relay ends in good order");
    history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$delivery: $takeovers takeovers", duplicates => $duplicates);
    note sprintf '%s: %.0f s', $delivery, time - $start;
    $kafka->stop;
    $node->stop;
}

done_testing();
