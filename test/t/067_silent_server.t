# A walsender is frozen while the kernel keeps its connection: the relay asks for a reply, notices that none comes, logs this, and connects again
# where it can. A relay that does not read, because Kafka takes nothing, does not mistake this for a silent server.
use strict;
use warnings;

use HTTP::Tiny;
use IO::Socket::INET;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $silence_s = 2;
my @args = ('--server-silence-ms', $silence_s * 1000, qw(--listen 127.0.0.1:0));

sub ready {
    my ($relay) = @_;
    my ($address) = $relay->log =~ m{status on http://(127\.0\.0\.1:\d+)/};
    my $answer = HTTP::Tiny->new(timeout => 10)->get("http://$address/ready");
    chomp(my $word = $answer->{content});
    return "$answer->{status} $word";
}

my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
my $tcp = 'host=127.0.0.1 port=' . $node->port . ' dbname=postgres';
create_slot($node);
my $relay = Outbox::Relay->new($node, dsn => $tcp, args => \@args)->start;
$relay->wait_until_streaming($node);

sleep 2 * $silence_s;    # an idle server answers
is(ready($relay), '200 streaming', 'an idle server that answers is streaming');
is($relay->count_log(qr/streaming from slot/), 1, 'in one session');

# ---- frozen --------------------------------------------------------------------------------------------------------------

my $walsender = slot($node, 'active_pid');
kill 'STOP', $walsender;
my $frozen_at = time;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
wait_until { ready($relay) =~ /^503 (connecting|standby)$/ } 'the silence is not noticed', 20;
my $seconds = time - $frozen_at;
cmp_ok($seconds, '<=', $silence_s + 3, sprintf 'a frozen walsender is noticed after %.1f s', $seconds);
$relay->wait_for_log(qr/PostgreSQL has not answered for 2000 ms/);
wait_until { ready($relay) eq '503 standby' } 'the frozen one still has the slot', 20;
kill 'CONT', $walsender;
ok(wait_for_confirmation($node), 'awake again, it ends and the event is delivered');
isnt(slot($node, 'active_pid'), $walsender, 'by another walsender');
is(scalar(grep { /"orders"/ } $relay->output), 1, 'once');
is($relay->terminate, 0, 'it ends in good order');

# ---- a host that accepts connections and is silent ---------------------------------------------------------------------

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "$!";
my $two = 'host=127.0.0.1,127.0.0.1 port=' . $silent->sockport . ',' . $node->port . ' dbname=postgres';
$relay = Outbox::Relay->new($node, name => 'two', dsn => $two, args => \@args)->start;
$relay->wait_for_log(qr/PostgreSQL does not answer at "127\.0\.0\.1", port \d+; trying again/);
ok($relay->wait_until_streaming($node), 'the other host of the connection string has its turn');
is($relay->terminate, 0, 'it ends in good order');

# ---- a relay that does not read ------------------------------------------------------------------------------------------

my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
create_slot($node, 'outbox_nowhere');
my $waiting = Outbox::Relay->new($node, name => 'waiting', dsn => $tcp, kafka => $nowhere,
    args => [ @args, qw(--slot outbox_nowhere --max-in-flight-bytes 65536 --shutdown-grace-ms 100) ])->start;
$waiting->wait_until_streaming($node, 'outbox_nowhere');
$node->safe_psql('postgres', q{SELECT count(outbox.emit('orders', 'k', json_build_array(repeat('x', 100000))::text)) FROM generate_series(1, 60)});
$node->poll_query_until('postgres', q{SELECT bool_or(wait_event = 'WalSenderWriteData') FROM pg_stat_activity WHERE backend_type = 'walsender'})
    or die 'the socket takes everything';
sleep 3 * $silence_s;
is($waiting->count_log(qr/has not answered/), 0, 'a relay that does not read hears no answer, and does not miss one');
is(ready($waiting), '503 waiting for Kafka', 'it waits for Kafka');
is($waiting->terminate, 0, 'and ends in good order');

done_testing();
