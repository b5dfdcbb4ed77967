# The relay's page, /status and the probes, in each state of a relay. A browser reads the page, and must report no error. With TEST_SCREENSHOTS=folder
# the test keeps a picture of every state, light and dark, wide and narrow.
use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use JSON::PP qw(decode_json);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(address ask);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @listen = qw(--listen 127.0.0.1:0);
my $pictures = $ENV{TEST_SCREENSHOTS};
my $home = PostgreSQL::Test::Utils::tempdir();

# Opens an address in the browser: (document, errors).
sub browse {
    my ($address, @options) = @_;
    my ($out, $err) = ('', '');
    local $ENV{HOME} = $home;
    IPC::Run::run([ qw(chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --enable-logging=stderr --v=0
        --virtual-time-budget=1000), "--user-data-dir=$home/profile", @options, $address ], '>', \$out, '2>', \$err, IPC::Run::timeout(120))
      or die "chromium fails: $err\n";
    return ($out, join "\n", grep { /CONSOLE/ } split /\n/, $err);
}

sub keep_pictures {
    my ($relay, $state) = @_;
    return if !$pictures;
    for ([ 'light-wide', '1000,1000', 1 ], [ 'light-narrow', '390,1400', 1 ], [ 'dark-wide', '1000,1000', 0 ], [ 'dark-narrow', '390,1400', 0 ]) {
        my ($name, $size, $scheme) = @$_;
        browse('http://' . address($relay) . '/', "--screenshot=$pictures/$state-$name.png", "--window-size=$size", '--hide-scrollbars',
            "--blink-settings=preferredColorScheme=$scheme");
    }
    return;
}

# Checks the page, /status and the probes in this state.
sub shows {
    my ($relay, $word, $advice, $code, %options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($document, $complaints) = browse('http://' . address($relay) . '/', '--dump-dom');
    my ($shown) = $document =~ m{<span class="word (?:good|wait|bad)">([^<]*)</span>};
    is($shown, $word, "$word: the page says so");
    like($document, $advice, 'and what to do');
    is($complaints, '', 'the browser has nothing to complain about');
    keep_pictures($relay, $word =~ s/ /-/gr);
    my $status = decode_json(ask($relay, '/status')->{content});
    is($status->{state}, $options{state} // $word, '/status has the state');
    is(ask($relay, '/readyz')->{status}, $code, "/readyz: $code");
    is(ask($relay, '/readyz?standby=ok')->{status}, $options{standby_ok} // $code, 'and with ?standby=ok');
    return $status;
}

sub emit { my ($node, $count) = @_; return $node->safe_psql('postgres', "SELECT outbox.emit('orders', 'k', '\"canary-payload\"') FROM generate_series(1, $count)") }

my $node = outbox_node('main', conf => "autovacuum = off\n");
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);
create_slot($node);

# ---- ready -----------------------------------------------------------------------------------------------------------------

my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [ @listen, qw(--shutdown-grace-ms 60000) ])->start;
$relay->wait_until_streaming($node);
emit($node, 50);
ok(wait_for_confirmation($node), 'delivered');
wait_until { decode_json(ask($relay, '/status')->{content})->{slot_state} eq 'reserved' } 'the slot is known';
my $status = shows($relay, 'streaming', qr/Last warnings and errors/, 200);
is($status->{lag_seconds}, 0, '/status: no lag');
is($status->{ready}, JSON::PP::true, 'ready');
is($status->{events_delivered_total}, 50, 'what was delivered');
cmp_ok($status->{retained_wal_bytes}, '>', 0, 'what the slot keeps');
is($status->{safe_wal_bytes}, undef, 'without a bound there is none');
ok($status->{safe_wal_is_unlimited}, 'which it says');
is_deeply($status->{last_errors}, [], 'no errors');
is(ask($relay, '/readyz?verbose')->{content}, "[+]loop ok\n[+]postgres ok\n[+]kafka ok\n[+]slot ok\n[+]process ok\nreadyz check passed: streaming\n", 'check by check');
is(ask($relay, '/livez')->{content}, "ok\n", '/livez');

my $page = ask($relay, '/');
like($page->{headers}{'content-security-policy'}, qr/^default-src 'none'; style-src 'sha256-[^' ]+';/, 'the policy allows the page its own style only');
unlike($page->{headers}{'content-security-policy'}, qr/unsafe|script|\*/, 'and nothing unsafe');
is($page->{headers}{'x-content-type-options'}, 'nosniff', 'no guessing of types');
unlike($page->{content}, qr/<script|https?:|\bsrc=/, 'the page needs nothing from elsewhere');
cmp_ok(length $page->{content}, '<', 60_000, 'and is small');
my $head = ask($relay, '/', 'HEAD');
is($head->{status}, 200, 'HEAD');
is($head->{content} // '', '', 'without the page');
is(ask($relay, $_, 'POST')->{status}, 405, "POST $_ is refused") for '/', '/status';
is(ask($relay, $_)->{status}, 404, "$_ is not there") for '/../etc/passwd', '/status/', '/metrics/x';

# ---- standby ---------------------------------------------------------------------------------------------------------------

my $standby = Outbox::Relay->new($node, name => 'standby', kafka => $kafka, args => \@listen)->start;
$standby->wait_for_log(qr/standing by/);
wait_until { defined decode_json(ask($standby, '/status')->{content})->{slot_active} } 'it has looked at the slot';
$status = shows($standby, 'standby', qr/takes over when the other ends/, 503, standby_ok => 200);
is($status->{slot_active}, JSON::PP::true, 'another reads the slot');
is($standby->terminate, 0, 'it ends in good order');

# ---- Kafka away, draining --------------------------------------------------------------------------------------------------

$kafka->pause;
emit($node, 1);
wait_until { ask($relay, '/readyz')->{content} =~ /waiting for Kafka/ } 'an event waits', 60;
wait_until { @{ decode_json(ask($relay, '/status')->{content})->{last_errors} } } 'the log says why', 60;
$status = shows($relay, 'waiting for Kafka', qr/goes on by itself/, 503);
cmp_ok($status->{lag_seconds}, '>', 0, 'the lag grows');
like($status->{last_errors}[0]{text}, qr/Kafka/, 'what the log says is there, too');
like(ask($relay, '/readyz?verbose')->{content}, qr/^\[-\]kafka failed: /m, 'check by check');
$relay->signal('TERM');
wait_until { ask($relay, '/readyz')->{content} =~ /draining/ } 'it drains';
shows($relay, 'draining', qr/delivers what is in flight and ends/, 503);
$kafka->resume;
is($relay->wait_for_exit(60), 0, 'it ends in good order');

# ---- catching up -----------------------------------------------------------------------------------------------------------

emit($node, 400_000);
my $old = time + 11;
wait_until { time >= $old } 'the backlog is old';
$relay->start;
my $seen = '';
wait_until { ($seen) = ask($relay, '/')->{content} =~ m{<span class="word \w+">([^<]*)<}; $seen eq 'catching up' } 'it catches up', 60;
is($seen, 'catching up', 'a backlog: the page says that the relay catches up');
shows($relay, 'catching up', qr/delivers a backlog/, 200, state => 'streaming') if $pictures;    # the browser may be too slow
ok(wait_for_confirmation($node), 'all is delivered');

# ---- slot lost -------------------------------------------------------------------------------------------------------------

$kafka->pause;
emit($node, 1);
$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'});
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE t(x int)');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (1); SELECT pg_switch_wal();') for 1 .. 6;
$node->safe_psql('postgres', 'CHECKPOINT');
wait_until { ask($relay, '/status')->{content} =~ /"slot_state":"lost"/ } 'the slot is lost';
$status = shows($relay, 'stopped', qr/its undelivered events are lost/, 503);
cmp_ok($status->{lag_seconds}, '>', 0, 'what is missing stays missing');
like(ask($relay, '/readyz?verbose')->{content}, qr/^\[-\]slot failed: lost$/m, 'check by check');
unlike(join('', map { ask($relay, $_)->{content} } qw(/ /status /metrics)), qr/canary-payload/, 'no payload anywhere');
$relay->signal('TERM');
is($relay->wait_for_exit(10), 3, 'it ends with its exit code');
$kafka->resume;

done_testing();
