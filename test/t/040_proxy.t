# The proxy of the chaos runs delays, stalls, cuts and resets connections as it is told to.
use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

# A server that sends its name and then echoes what it receives.
my @children;
sub echo {
    my ($name) = @_;
    my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "listen: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        local $SIG{TERM} = 'DEFAULT';
        my $select = IO::Select->new($listener);
        while (my @ready = $select->can_read) {
            for my $socket (@ready) {
                if ($socket == $listener) { my $new = $listener->accept; $select->add($new); syswrite $new, $name; next }
                my $read = sysread $socket, my $bytes, 65536;
                if ($read) { syswrite $socket, $bytes }
                else { $select->remove($socket); close $socket }
            }
        }
    }
    push @children, $pid;
    return $listener->sockport;
}
END { local $?; kill 'KILL', @children; waitpid $_, 0 for @children }

my ($first, $second) = (echo('1'), echo('2'));
my $proxy = Outbox::Proxy->new(link => $first);
sub dial { return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $proxy->port('link')) }

# Returns what arrives within the time: bytes, 'end', 'reset' or 'nothing'.
sub hear {
    my ($socket, $seconds) = @_;
    return 'nothing' if !IO::Select->new($socket)->can_read($seconds // 5);
    my $read = sysread $socket, my $bytes, 65536;
    return !defined $read ? 'reset' : $read ? $bytes : 'end';
}
sub say_to { my ($socket, $bytes) = @_; return syswrite $socket, $bytes }

my $socket = dial();
is(hear($socket), '1', 'what the server says arrives');
say_to($socket, 'hello');
is(hear($socket), 'hello', 'and what it answers');

$proxy->command(qw(link delay 300));
my $start = time;
say_to($socket, 'late');
is(hear($socket), 'late', 'delay: it arrives');
cmp_ok(time - $start, '>', 0.55, 'late on both ways');
$proxy->command(qw(link heal));

$proxy->command(qw(link silence up));
say_to($socket, 'held');
is(hear($socket, 0.3), 'nothing', 'silence: nothing arrives');
$proxy->command(qw(link heal));
is(hear($socket), 'held', 'until the way is free again');

$proxy->command(qw(link silence down));
say_to($socket, 'held');
shutdown $socket, 1;
is(hear($socket, 0.3), 'nothing', 'silence the other way');
$proxy->command(qw(link heal));
is(hear($socket), 'held', 'the same');
is(hear($socket), 'end', 'and an end passes through');

$socket = dial();
hear($socket);
$proxy->command(qw(link cut 4));
say_to($socket, 'abcdef');
is(hear($socket), 'reset', 'cut: a reset in the middle');
$socket = dial();
is(hear($socket), '1', 'once');
$proxy->command(qw(link reset));
is(hear($socket), 'reset', 'reset');

$socket = dial();
hear($socket);
$proxy->command(qw(link forget));
say_to($socket, 'lost');
is(hear($socket, 0.3), 'nothing', 'forget: the connection is silent');
$proxy->command(qw(link heal));
is(hear($socket, 0.3), 'nothing', 'for ever');
my $other = dial();
is(hear($other), '1', 'new ones are not');

$proxy->command(qw(link refuse));
$other = dial();
is($other ? hear($other) : 'reset', 'reset', 'refuse');
$proxy->command(qw(link heal));
$proxy->command('link', 'target', $second);
is(hear(dial()), '2', 'target: another server');
ok(!eval { $proxy->command(qw(link unknown)); 1 }, 'an unknown command is refused');

my $large = dial();
hear($large);
my ($sent, $got) = (0, '');
my $bytes = join '', map { chr(int rand 256) } 1 .. 300_000;
$large->blocking(0);
wait_until {
    my $wrote = $sent < length $bytes ? syswrite($large, $bytes, 65536, $sent) : 0;
    $sent += $wrote // 0;
    $got .= hear($large) if IO::Select->new($large)->can_read(0);
    length $got >= length $bytes;
} 'large data comes back', 20;
ok($got eq $bytes, 'bytes stay as they are');

done_testing();
