# The broker is killed, stopped and frozen under load: the relay waits, goes on by itself, and loses no event.
use strict;
use warnings;

use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed wait_until);
use Outbox::Relay;
use Outbox::Workload;
use PostgreSQL::Test::Utils;
use Test::More;

random_seed();
my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_, 6) for Outbox::Workload->topics;
my $workload = Outbox::Workload->new($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;

# Runs the outage once the relay delivers, and returns when the relay delivers again.
sub outage {
    my ($name, $begin, $end) = @_;
    $workload->start(2, 20_000);
    my $confirmed = slot($node, 'confirmed_flush_lsn');
    wait_until { slot($node, 'confirmed_flush_lsn') ne $confirmed } "deliveries before $name";
    $begin->();
    my $committed = $workload->committed;
    wait_until { $workload->committed > $committed + 500 } 'writers go on writing';
    $end->();
    $workload->stop;
    ok(wait_for_confirmation($node), "$name: everything is confirmed afterwards");
}

outage('kill', sub { $kafka->kill_nine }, sub { $kafka->start });
outage('stop', sub { $kafka->stop }, sub { $kafka->start });
outage('freeze', sub { $kafka->pause }, sub { $kafka->resume });

ok($relay->alive, 'the relay never ended');
cmp_ok($relay->count_log(qr/./), '<', 200, 'and did not flood its log') or diag $relay->log;
is($relay->terminate, 0, 'it ends in good order');
history_ok($workload->transactions, [ $kafka->consume($workload->topics) ], 'three outages', duplicates => 'any');

done_testing();
