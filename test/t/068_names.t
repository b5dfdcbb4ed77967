# A name server does not answer: a running stream goes on, with status updates, signals and the grace at the end. A relay that has to connect again
# looks the name up beside its loop, and goes on when the name is known.
use strict;
use warnings;

use HTTP::Tiny;
use Outbox::Kafka;
use Outbox::Names;
use Outbox::Node;
use Outbox::Process qw(slowness wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $names = Outbox::Names->new;

sub answer {
    my ($relay, $path) = @_;
    my ($address) = $relay->log =~ m{status on http://(127\.0\.0\.1:\d+)/};
    my $answer = HTTP::Tiny->new(timeout => 10)->get("http://$address$path");
    chomp(my $word = $answer->{content});
    return "$answer->{status} $word";
}

sub metric { my ($relay, $name) = @_; return (answer($relay, '/metrics') =~ /^outbox_relay_$name (\d+)$/m)[0] }

my $sender_timeout_s = 3;
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\nwal_sender_timeout = ${sender_timeout_s}s\n");
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);

sub relay_to {
    my ($hosts, @args) = @_;
    return Outbox::Relay->new($node, dsn => "host=$hosts port=" . $node->port . ' dbname=postgres sslmode=prefer', kafka => $kafka, env => { $names->env },
        args => [ qw(--listen 127.0.0.1:0 --shutdown-grace-ms 1000), @args ])->start;
}

# ---- a stream that runs --------------------------------------------------------------------------------------------------

my $relay = relay_to('pg.test');
$relay->wait_until_streaming($node);
my $walsender = slot($node, 'active_pid');
$names->die('pg.test');
$kafka->pause;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
wait_until { answer($relay, '/ready') eq '503 waiting for Kafka' } 'the event waits';
sleep 2 * $sender_timeout_s + 1;    # longer than the server bears a relay that says nothing
is(slot($node, 'active_pid'), $walsender, 'the stream goes on while Kafka and the name server are away');
is(metric($relay, 'sessions_lost_total'), 0, 'no session was lost');
$kafka->resume;
ok(wait_for_confirmation($node), 'Kafka is back: the event is delivered');

# ---- connecting again ----------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', "SELECT pg_terminate_backend($walsender)");
wait_until { answer($relay, '/ready') eq '503 connecting' } 'the session is lost';
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2')});
sleep 1;
is(answer($relay, '/live'), '200 ok', 'it waits for the name, and is live');
$names->live('pg.test');
ok(wait_for_confirmation($node), 'the name is known again: it goes on');

$names->die('pg.test');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . slot($node, 'active_pid') . ')');
wait_until { answer($relay, '/ready') eq '503 connecting' } 'the session is lost';
my $start = time;
is($relay->terminate(10), 0, 'a signal ends it while it waits for a name,');
cmp_ok(time - $start, '<', 4 * slowness(), 'within the grace');

# ---- one name of two -----------------------------------------------------------------------------------------------------

$names->live('pg.test');
$names->die('gone.test');
$relay = relay_to('gone.test,pg.test', qw(--server-silence-ms 3000));
ok($relay->wait_until_streaming($node), 'a name that is not known does not keep it from the others');
is($relay->terminate, 0, 'it ends in good order');

$names->die('pg.test');
$relay = relay_to('pg.test', qw(--server-silence-ms 1000));
$relay->wait_for_log(qr/the host name "pg\.test" is not looked up: the name server does not answer; trying again/);
pass('it says what it waits for');
is($relay->terminate, 0, 'it ends in good order');

done_testing();
