# SIGTERM while the relay delivers: the relay confirms what Kafka has, so that no event comes twice. A second SIGTERM ends the relay at once.
use strict;
use warnings;

use List::Util qw(max);
use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node qw(:DEFAULT children postmaster);
use Outbox::Process qw(cpu_s random_seed slowness slurp wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $rounds = 12;

random_seed();
my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka);

my $loaded = 0;
for my $round (1 .. $rounds) {
    $workload->start(1, 2_000) if !$workload->running;
    my $before = slot($node, 'confirmed_flush_lsn');
    $relay->start;
    wait_until { slot($node, 'confirmed_flush_lsn') ne $before } 'the relay delivers';
    sleep rand 0.2;
    $loaded++ if $workload->running;
    $relay->signal($round % 2 ? 'TERM' : 'INT');
    is($relay->wait_for_exit(20), 0, "end $round is a good one");
}
cmp_ok($loaded, '>', $rounds / 2, 'writers wrote meanwhile');
$workload->stop;
$relay->start;
ok(wait_for_confirmation($node), 'the last relay delivers what is left');
is($relay->terminate, 0, 'and ends');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], "$rounds ends", duplicates => 'none');

# Kafka is frozen with events in flight: after the first signal the relay waits for the grace, after the second it does not.
sub start_with_events_in_flight {
    my (@arguments) = @_;
    my $patient = Outbox::Relay->new($node, name => "patient@arguments", kafka => $kafka, args => \@arguments)->start;
    $patient->wait_until_streaming($node);
    $kafka->pause;
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', n::text) FROM generate_series(1, 100) n});
    my $lsn = current_lsn($node);
    $node->poll_query_until('postgres', "SELECT sent_lsn >= '$lsn' FROM pg_stat_replication");
    $patient->signal('TERM');
    return $patient;
}

my $start = time;
my $patient = start_with_events_in_flight(qw(--shutdown-grace-ms 1500));
$patient->wait_for_exit(20);
cmp_ok(time - $start, '>', 1.4, 'the first signal waits for Kafka,');
cmp_ok(time - $start, '<', 8 * slowness(), 'but no longer than the grace');
$kafka->resume;

$patient = start_with_events_in_flight(qw(--shutdown-grace-ms 60000));
$patient->wait_for_log(qr/stopping/);    # two signals that a busy process has not seen yet are one
ok($patient->alive, 'within a long grace the relay waits');
$start = time;
$patient->signal('TERM');
$patient->wait_for_exit(20);
cmp_ok(time - $start, '<', 2 * slowness(), 'the second signal ends it at once');
$kafka->resume;

$patient = start_with_events_in_flight(qw(--shutdown-grace-ms 61000));
$patient->wait_for_log(qr/stopping/);
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
ok($patient->wait_for_log(qr/comes again with the next start/), 'a connection that is lost meanwhile is not looked for again, and it says so');
unlike($patient->log, qr/trying again/, 'and nothing else');
$kafka->resume;
is($patient->wait_for_exit(20), 0, 'then it ends');

# While Kafka is away the relay asks the server now and then whether the server shuts down. After the signal the relay does not wait for the answer.
sub logins {    # that the server lets wait: it has not named its process yet
    return grep { /./ && !/^postgres: / } map { slurp("/proc/$_/cmdline") } children(postmaster($node));
}

my $idle = Outbox::Relay->new($node, name => 'idle', kafka => $kafka, args => [qw(--shutdown-grace-ms 6000)])->start;
$idle->wait_until_streaming($node);
$node->safe_psql('postgres', q{ALTER SYSTEM SET pre_auth_delay = 2});
$node->reload;
$kafka->pause;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
wait_until { logins() } 'it asks';
$idle->signal('TERM');
$idle->wait_for_log(qr/stopping/);
my $used = my $at_signal = cpu_s($idle->pid);
wait_until { $used = max($used, cpu_s($idle->pid)); !$idle->alive } 'it ends after its grace';
cmp_ok($used - $at_signal, '<', 1, 'and does not turn until then');
$kafka->resume;
$node->safe_psql('postgres', q{ALTER SYSTEM RESET pre_auth_delay});
$node->reload;

$relay->start;
ok(wait_for_confirmation($node), 'another relay delivers what they left');
is($relay->terminate, 0, 'and ends');

done_testing();
