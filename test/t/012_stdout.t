# With --stdout the relay writes each event to standard output as the line of the stream. An event counts as delivered when it is written.
use strict;
use warnings;

use List::Util qw(min);
use POSIX qw(mkfifo);
use Outbox::Node;
use Outbox::Process qw(slurp);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = outbox_node('main');
create_slot($node, $_) for qw(outbox outbox_pretty outbox_piped outbox_some witness);

my @emits = (
    q{'orders', '42', '{"n":1.00}', 'order.created', '{"a":"ö"}'}, q{'orders', NULL::text, '2'}, q{'orders', 'k', '\xff00'::bytea},
    q{'payments', 'k', NULL::text}, qq{'orders', E'k\\u009b\\x7f', U&'{"item":"\\009b\\007f"}', E't\\u009b\\x1b'});
my @ids = map { $node->safe_psql('postgres', "SELECT outbox.emit($_)") } @emits;
$node->safe_psql('postgres', q{BEGIN; SELECT outbox.emit('orders', '43', '3'); ROLLBACK});
my @stream = emitted($node, 'witness', 'get');
is(scalar @stream, scalar @emits, 'the stream has the committed events');

my $relay = Outbox::Relay->new($node)->start;
ok(wait_for_confirmation($node), 'everything is confirmed');
is($relay->terminate, 0, 'the relay ends in good order');
is_deeply([ $relay->output ], \@stream, 'one line an event, as it stands in the stream');

$relay->start;
ok(wait_for_confirmation($node), 'a second relay connects');
is($relay->terminate, 0, 'and ends');
is_deeply([ $relay->output ], \@stream, 'what was confirmed is not written again');

my $some = Outbox::Relay->new($node, name => 'some', args => ['--slot', 'outbox_some', '--topics', 'pay*,nothing'])->start;
ok(wait_for_confirmation($node, 'outbox_some'), 'a relay for some topics confirms everything');
is($some->terminate, 0, 'and ends');
is_deeply([ $some->output ], [ grep { /"payments"/ } @stream ], 'but writes its topics only');

my $pretty = Outbox::Relay->new($node, name => 'pretty', args => [qw(--slot outbox_pretty --format pretty)])->start;
ok(wait_for_confirmation($node, 'outbox_pretty'), 'a relay with --format pretty confirms everything');
is($pretty->terminate, 0, 'and ends');
my $text = join "\n", $pretty->output;
like($text, qr/orders.*42.*order\.created/s, 'and shows people what matters');
unlike($text, qr/^\{"topic"/m, 'not the stream');
like($text, qr/k\?\?  t\?\?  \{"item":"\?\?"\}/, 'nothing that a terminal obeys');

# Starts a relay whose standard output is a pipe, as in `outbox-relay run --stdout | head -1`, and returns the relay and the reading end.
sub piped_relay {
    my ($slot) = @_;
    my $pipe = PostgreSQL::Test::Utils::tempdir('pipe') . '/pipe';
    mkfifo($pipe, 0600) or die "mkfifo: $!";
    my $piped = Outbox::Relay->new($node, name => $slot, args => [ '--slot', $slot ], output => $pipe)->start;
    open my $reader, '<', $pipe or die "cannot open the pipe: $!";
    return ($piped, $reader);
}

# Waits until the slot has confirmed the LSN. Returns for how long neither the relay nor its walsender had anything to run for meanwhile. No look counts for
# more than a second, so that a machine that stands still makes no pause, nor does a process that waits for a disk or a processor.
sub seconds_asleep {
    my ($relay, $slot, $lsn) = @_;
    my ($asleep, $looked) = (0, time);
    for (my $until = time + 180; time < $until; sleep 0.1) {
        my ($is_confirmed, $walsender) = split /\|/, slot($node, "confirmed_flush_lsn >= '$lsn', active_pid", $slot);
        return $asleep if $is_confirmed eq 't';
        my $since = time - $looked;
        $looked += $since;
        $asleep += min($since, 1) if $walsender && !grep { slurp("/proc/$_/stat") !~ /\) S / } $relay->pid, $walsender;
    }
    return 180;
}

my ($piped, $reader) = piped_relay('outbox_piped');
is(scalar <$reader>, "$stream[0]\n", 'the reader of a pipe gets a line');
close $reader;
is($piped->wait_for_exit(10), 0, 'when it has gone the relay ends in good order');
unlike($piped->log, qr/SIGPIPE|error/i, 'and nobody calls it an error');

# The relay confirms no event that it has not written. A pipe holds more than its reader reads, so the first event is larger than a pipe.
create_slot($node, 'outbox_full');
my @rest = map { $node->safe_psql('postgres', "SELECT outbox.emit('orders', 'k', $_)") } q{to_json(repeat('x', 300000))}, q{'1'};
($piped, $reader) = piped_relay('outbox_full');
read $reader, my $beginning, 10;
is($beginning, '{"topic":"', 'a reader reads the beginning of an event');
close $reader;
is($piped->wait_for_exit(10), 0, 'when it has gone the relay ends in good order');
my $left = join "\n", emitted($node, 'outbox_full', 'get');
like($left, qr/"id":"$_"/, 'what was not written is not confirmed') for @rest;

# More events than the relay gathers for one write: the relay writes the rest at once, and does not wait until something else wakes it.
create_slot($node, 'outbox_large');
my $large = Outbox::Relay->new($node, name => 'large', args => [qw(--slot outbox_large)], output => '/dev/null')->start;
$large->wait_until_streaming($node, 'outbox_large');
my $longest = 0;
for (1 .. 10) {
    $large->signal('STOP');
    $node->safe_psql('postgres', q{SELECT count(outbox.emit('orders', n, to_json(repeat('x', 200)))) FROM generate_series(1, 20000) AS n});
    my $end = current_lsn($node);
    $large->signal('CONT');
    my $pause = seconds_asleep($large, 'outbox_large', $end);
    $longest = $pause if $pause > $longest;
}
cmp_ok($longest, '<', 5, 'a backlog is written without a pause');
note sprintf 'longest pause: %.2f s', $longest;
is($large->terminate, 0, 'and the relay ends');

done_testing();
