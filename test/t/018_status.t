# What operators see of a relay: /live, /ready and /metrics, and what the relay tells the service manager.
use strict;
use warnings;

use HTTP::Tiny;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slowness slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time);

my @listen = qw(--listen 127.0.0.1:0);

sub address {
    my ($relay) = @_;
    return ($relay->log =~ m{status on http://(127\.0\.0\.1:\d+)/})[0];
}

sub request {
    my ($relay, $path, $method) = @_;
    return HTTP::Tiny->new(timeout => 10)->request($method // 'GET', 'http://' . address($relay) . $path);
}

# The word of /ready; its status code must fit.
sub ready {
    my ($relay) = @_;
    my $answer = request($relay, '/ready');
    chomp(my $word = $answer->{content});
    return $word if $answer->{status} == ($word eq 'streaming' ? 200 : 503);
    return "$answer->{status} $word";
}

sub becomes {
    my ($relay, $word, $name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(eval { wait_until { ready($relay) eq $word } "/ready is not \"$word\"", $seconds }, $name) or diag 'it is: ' . ready($relay);
}

# Reads Prometheus' text format: name{labels} => value. The function dies at a line of another form.
sub metrics {
    my ($relay) = @_;
    my $answer = request($relay, '/metrics');
    die "not Prometheus' content type\n" if $answer->{headers}{'content-type'} !~ m{^text/plain; version=0\.0\.4};
    my (%type, %value);
    for my $line (split /\n/, $answer->{content}) {
        next if $line =~ /^# HELP [a-z_]+ \S/;
        if (my ($name, $type) = $line =~ /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/) {
            die "$name twice\n" if $type{$name};
            die "$name is a $type\n" if ($name =~ /_total$/) != ($type eq 'counter');
            $type{$name} = $type;
            next;
        }
        my ($name, $labels, $value) = $line =~ /^([a-z_]+)((?:\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})?) (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/
          or die "not a sample: $line\n";
        die "$name without its type\n" if !$type{ $name =~ s/_(?:bucket|sum|count)$//r } && !$type{$name};
        die "$name$labels twice\n" if exists $value{"$name$labels"};
        $value{"$name$labels"} = $value;
    }
    return { map { s/^outbox_relay_//r => $value{$_} } keys %value };
}

# The socket of a service manager, and the messages that arrive there: [lines of one message, ...].
sub manager {
    my ($name) = @_;
    return IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name, Blocking => 0) // die "$name: $!";
}

sub heard {
    my ($manager, $count) = @_;    # the relay tells the manager a moment after it has answered /ready
    my @messages;
    eval {
        wait_until {
            while (defined $manager->recv(my $message, 4096)) {
                push @messages, [ split /\n/, $message ];
            }
            @messages >= $count;
        } 'the service manager hears', 10;
    };
    return \@messages;
}

my $node = outbox_node('main');
create_slot($node);

# ---- wrong addresses ---------------------------------------------------------------------------------------------------

for my $wrong ('8090', ':8090', 'localhost:http', 'localhost:70000', '::1:8090', '') {
    my ($code, undef, $err) = Outbox::Relay::call('run', '--listen', $wrong);
    is($code, 2, "--listen '$wrong': exit code 2");
    like($err, qr/^outbox-relay: .*--listen.*expected (?:host:port|a value)[^\n]*\n\z/, 'it says in one line what was expected');
}

# ---- from connecting to streaming --------------------------------------------------------------------------------------

my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $manager = manager("$folder/notify");
$node->stop;
my $relay = Outbox::Relay->new($node, args => \@listen, env => { NOTIFY_SOCKET => "$folder/notify" })->start;
$relay->wait_for_log(qr/status on/);
becomes($relay, 'connecting', 'without PostgreSQL: connecting');
is(request($relay, '/live')->{content}, "ok\n", 'and live');
is_deeply(heard($manager, 1), [ ['STATUS=connecting'] ], 'the service manager hears so, and that it is not yet started');
$node->start;
becomes($relay, 'streaming', 'with it: streaming');
is_deeply(heard($manager, 1), [ [ 'STATUS=streaming', 'READY=1' ] ], 'the service manager hears that it is started');

is(request($relay, '/ready', 'POST')->{status}, 405, 'only GET is answered');
is(request($relay, '/ready', 'HEAD')->{status}, 200, 'and HEAD');
is(request($relay, '/nothing')->{status}, 404, 'there is nothing else to see');
{
    local $ENV{OUTBOX_LISTEN} = address($relay);
    my ($code, undef, $err) = Outbox::Relay::call('run', '--stdout', '--dsn', $node->connstr('postgres') . ' user=relay');
    is($code, 1, 'a second relay on the same port: exit code 1');
    like($err, qr/cannot listen on \Q$ENV{OUTBOX_LISTEN}\E: Address already in use/, 'it says which and why');
}
my @silent = map { IO::Socket::INET->new(PeerAddr => address($relay)) } 1 .. 3;
is(request($relay, '/live')->{status}, 200, 'clients that say nothing hold up the others for a moment only');

# ---- metrics -----------------------------------------------------------------------------------------------------------

my $before = metrics($relay);
is($before->{'state{state="streaming"}'}, 1, 'metrics: streaming');
is(scalar(grep { /^state/ && $before->{$_} } keys %$before), 1, 'and nothing else');
is(scalar(grep { /^build_info\{version="\d+\.\d+\.\d+"\}$/ } keys %$before), 1, 'the version');
cmp_ok(abs($before->{start_time_seconds} - $^T), '<', 600, 'when it began');
is($before->{$_}, 0, "$_ is 0") for qw(messages_rejected_total sessions_lost_total
    producers_lost_total in_flight_bytes in_flight_transactions);

$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1') FROM generate_series(1, 3)});
$node->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'outbox', 'no event')});
ok(wait_for_confirmation($node), 'events and another message');
wait_until { metrics($relay)->{messages_rejected_total} } 'the message is counted';
my $after = metrics($relay);
is($after->{'events_delivered_total{topic="other"}'}, 3, 'each event is counted');
is($after->{messages_rejected_total}, 1, 'the other message too');
cmp_ok($after->{confirmed_lsn_bytes}, '>', $before->{confirmed_lsn_bytes}, 'the confirmed position moves');
cmp_ok($after->{confirmed_lsn_bytes}, '<=', $node->safe_psql('postgres', q{SELECT pg_current_wal_lsn() - '0/0'}), 'within the WAL');
cmp_ok($after->{wal_end_lsn_bytes}, '>', 0, "the server's end of the WAL is known");
is($after->{in_flight_bytes}, 0, 'nothing is left in flight');

crash($node);
becomes($relay, 'connecting', 'PostgreSQL killed: connecting again');
$node->start;
becomes($relay, 'streaming', 'started: streaming again');
is(metrics($relay)->{sessions_lost_total}, 1, 'one lost session, however many attempts');
cmp_ok(metrics($relay)->{confirmed_lsn_bytes}, '>', 0, 'what was confirmed before stands');
is_deeply(heard($manager, 2), [ ['STATUS=connecting'], ['STATUS=streaming'] ], 'the service manager hears of both, and of no second start');

# ---- standby -----------------------------------------------------------------------------------------------------------

my $abstract = "outbox-test-$$";
my $second_manager = manager("\0$abstract");
my $second = Outbox::Relay->new($node, name => 'second', args => \@listen, env => { NOTIFY_SOCKET => "\@$abstract" })->start;
$second->wait_for_log(qr/active/);
becomes($second, 'standby', 'a second relay on the same slot: standby');
is(request($second, '/live')->{status}, 200, 'and live');
is_deeply(heard($second_manager, 2), [ ['STATUS=connecting'], [ 'STATUS=standby', 'READY=1' ] ],
    'the service manager hears, by an abstract name, that it is started');
is(ready($relay), 'streaming', 'the first one streams');
$relay->kill_nine;
my $killed_at = time;
becomes($second, 'streaming', 'the first one killed: it streams', 10);
cmp_ok(time - $killed_at, '<', 2 * slowness(), 'within two seconds');
is_deeply(heard($second_manager, 1), [ ['STATUS=streaming'] ], 'the service manager hears so');
is(metrics($second)->{sessions_lost_total}, 0, 'no session of its own was lost');

# ---- Kafka -------------------------------------------------------------------------------------------------------------

my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
create_slot($node, 'outbox_nowhere');
my $waiting = Outbox::Relay->new($node, name => 'waiting', kafka => $nowhere,
    args => [ @listen, qw(--slot outbox_nowhere --shutdown-grace-ms 2000) ], env => { NOTIFY_SOCKET => "$folder/notify" })->start;
$waiting->wait_for_log(qr/streaming/);
is(ready($waiting), 'streaming', 'no broker, and no event that needs one: streaming');
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '"secret"')});
becomes($waiting, 'waiting for Kafka', 'an event waits: waiting for Kafka', 10);
my $held = metrics($waiting);
cmp_ok($held->{in_flight_bytes}, '>', 0, 'it is in flight');
is($held->{in_flight_transactions}, 1, 'so is its transaction');
is($held->{'state{state="waiting for Kafka"}'}, 1, 'metrics have the same word');
unlike(request($waiting, '/metrics')->{content}, qr/secret|relay\b.*user|\Q$nowhere\E/, 'and nothing that is not for everybody');
$waiting->signal('TERM');
becomes($waiting, 'draining', 'SIGTERM: draining');
is(request($waiting, '/live')->{status}, 200, 'and live');
is($waiting->wait_for_exit(10), 0, 'until the grace has passed');
is_deeply(heard($manager, 1)->[-1], [ 'STATUS=draining', 'STOPPING=1' ], 'the service manager hears that it stops');

# The relay sends a refused batch again in smaller ones: the state stays streaming, and the session goes on.
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('small', 1, 'max.message.bytes=1000');
create_slot($node, 'outbox_small');
my $refused = Outbox::Relay->new($node, name => 'refused', kafka => $kafka, args => [ @listen, qw(--slot outbox_small) ],
    env => { NOTIFY_SOCKET => "$folder/notify" })->start;
$refused->wait_for_log(qr/streaming/);
$node->safe_psql('postgres', q{SELECT outbox.emit('small', 'k', to_json(repeat(md5(i::text), 20))::text) FROM generate_series(1, 100) AS i});
ok(wait_for_confirmation($node, 'outbox_small'), 'everything is delivered');
is(ready($refused), 'streaming', 'and it streams');
my $metrics = metrics($refused);
is($metrics->{producers_lost_total}, 0, 'no start from the slot was needed');
is($metrics->{sessions_lost_total}, 0, 'and are no lost sessions');
is($_->terminate, 0, 'it ends in good order') for $refused, $second;

# ---- hostile clients ----------------------------------------------------------------------------------------------------

# Starts a process with this many clients, each of which sends a request's head byte by byte, never to its end, until the relay closes the connection.
my $dribble = q{
    use IO::Select;
    use IO::Socket::INET;
    my ($address, $count) = @ARGV;
    $SIG{PIPE} = 'IGNORE';
    my $clients = IO::Select->new(map { IO::Socket::INET->new(PeerAddr => $address) // die "$address: $!\n" } 1 .. $count);
    syswrite $_, "GET /live HTTP/1.1\r\nHost: relay\r\nX: " for $clients->handles;
    syswrite STDOUT, "connected\n";
    while ($clients->count) {
        syswrite $_, 'x' for $clients->handles;
        $clients->remove($clients->can_read(0.3));
    }
};

sub dribblers {
    my ($relay, $count) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir_short();
    my $process = Outbox::Process->spawn(command => [ $^X, '-e', $dribble, address($relay), $count ], name => 'dribblers',
        stdout => "$folder/out", stderr => "$folder/err");
    wait_until { slurp("$folder/out") eq "connected\n" } 'the clients are not connected', 10;
    return $process;
}

# How many bytes the relay reads of an endless request, up to that many.
sub taken {
    my ($relay, $head, $more, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $client = IO::Socket::INET->new(PeerAddr => address($relay)) // die "$!\n";
    syswrite $client, $head;
    my $taken = 0;
    while ($taken < $bytes) {
        $taken += syswrite($client, $more x (65536 / length $more)) // last;
    }
    return $taken;
}

my $attacked = Outbox::Relay->new($node, name => 'attacked', args => \@listen)->start;
becomes($attacked, 'streaming', 'a relay to attack');
for my $count (1, 40) {
    my $dribblers = dribblers($attacked, $count);
    my $asked_at = time;
    is(request($attacked, '/live')->{status}, 200, "$count clients that send a byte now and then: another is answered");
    cmp_ok(time - $asked_at, '<', 2 * slowness(), 'and not only once they are gone');
    is(eval { $dribblers->wait_for_exit(5) } // 'none', 0, 'they are cut off');
    $dribblers->kill_nine;
}
my @crowd = map { IO::Socket::INET->new(PeerAddr => address($attacked)) } 1 .. 40;
is(request($attacked, '/live')->{status}, 200, 'many clients that say nothing: another is answered');
undef @crowd;

my $memory_kb = $attacked->peak_memory_kb;
my %endless = (
    line => [ '', 'x' ],
    header => [ "GET /live HTTP/1.1\r\nX: ", 'x' ],
    head => [ "GET /live HTTP/1.1\r\n", "X: y\r\n" ],
    body => [ "POST /live HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", 'x' ],
);
for my $what (sort keys %endless) {
    cmp_ok(taken($attacked, @{ $endless{$what} }, 64 * 2**20), '<', 64 * 2**20, "a $what without end is not read to its end");
}
cmp_ok($attacked->peak_memory_kb - $memory_kb, '<', 4096, 'nor kept');
is(request($attacked, '/live')->{status}, 200, 'and the next client is answered');

my $last = dribblers($attacked, 3);
is(eval { $attacked->terminate(3) } // 'none', 0, 'SIGTERM ends the relay whatever clients do');

done_testing();
