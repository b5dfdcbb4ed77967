# SIGTERM and SIGINT end every command at once, also in the command's first moments and as PID 1, for which the kernel drops signals without a
# handler.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node qw(:DEFAULT children);
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;

my %number = (INT => 2, TERM => 15);
my $folder = PostgreSQL::Test::Utils::tempdir('signals');
my $nobody = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $node = outbox_node('main');
create_slot($node);
my @dsn = ('--dsn', $node->connstr('postgres') . ' user=relay');
my @skip = (qw(skip --id 01a20c11-09d4-7b9d-95a5-66f7b2170e7a), @dsn);

# In a PID namespace of its own a command is PID 1. Where the test may not create one, the exit status still tells whether the command handled the
# signal.
my @pid_1 = qw(unshare -rpf --mount-proc --kill-child);
@pid_1 = () if system("@pid_1 true 2>/dev/null") != 0;
note @pid_1 ? 'as PID 1' : 'no namespaces here: not as PID 1';

# Starts a command. Returns (the process to wait for, the process to signal, the path of the log).
my $calls = 0;
sub start {
    my (@command) = @_;
    my $log = "$folder/" . ++$calls;
    my $process = Outbox::Process->spawn(command => [ @pid_1, $ENV{OUTBOX_RELAY}, @command ], name => "@command", stdout => '/dev/null', stderr => $log);
    my $pid = $process->pid;
    $pid = wait_until { (children($process->pid))[0] } 'unshare has a child' if @pid_1;
    wait_until { slurp("/proc/$pid/cmdline") =~ /\A[^\0]*outbox-relay\0/ } 'the command has begun';
    return ($process, $pid, $log);
}

sub threads { my ($pid) = @_; my @threads = glob "/proc/$pid/task/*"; return scalar @threads }

sub blocks_signals {
    my ($pid) = @_;
    my ($mask) = slurp("/proc/$pid/status") =~ /^SigBlk:\s+[0-9a-f]*([0-9a-f]{4})$/m;
    return defined $mask && (hex($mask) & 1 << 14) != 0;
}

# The command waits for Kafka, which never comes.
for my $signal (qw(TERM INT)) {
    my ($process, $pid, $log) = start(@skip, '--brokers', $nobody);
    wait_until { threads($pid) > 2 } 'skip looks for Kafka';
    kill $signal, $pid;
    is($process->wait_for_exit(5), 128 + $number{$signal}, "SIG$signal ends skip while it waits for Kafka");
    like(slurp($log), qr/stopped by SIG$signal/, 'and it says so');
}

# The command's first moments last long here, because the relay reads its properties from a pipe that nobody has written to yet.
mkfifo("$folder/properties", 0600) or die "mkfifo: $!";
for my $command ([ 'run', 0 ], [ 'setup', 143 ], [ $skip[0], 143, @skip[ 1, 2 ] ]) {
    my ($name, $status, @arguments) = @$command;
    my ($process, $pid) = start($name, @arguments, @dsn, '--brokers', $nobody, '--property-file', "$folder/properties");
    wait_until { blocks_signals($pid) || !$process->alive } 'it has begun';
    kill 'TERM', $pid;
    open my $properties, '>', "$folder/properties" or die "$folder/properties: $!";
    close $properties;
    is($process->wait_for_exit(10), $status, "SIGTERM in the first moments of $name ends it");
}

# setup waits for a transaction that was left open.
$node->safe_psql('postgres', q{BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'forgotten'});
{
    my ($process, $pid) = start('setup', '--dsn', $node->connstr('postgres') . ' user=' . getpwuid($<), '--slot', 'outbox_second');
    $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name = 'outbox_second'});
    kill 'TERM', $pid;
    is($process->wait_for_exit(20), 143, 'SIGTERM ends setup while it makes the slot');
    ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_replication_slots WHERE slot_name = 'outbox_second'}), 'and leaves none behind');
}
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'forgotten'});

# skip that ends before its work is done does not report success.
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);
$node->safe_psql('postgres', q{SELECT outbox.emit('missing', 'k', '1')});
my ($process, $pid, $log) = start(@skip, '--brokers', $kafka->brokers, qw(--shutdown-grace-ms 500));
wait_until { slurp($log) =~ /waiting for topic/ } 'it waits for a topic';
kill 'TERM', $pid;
is($process->wait_for_exit(20), 143, 'SIGTERM ends skip before it has met its event');

done_testing();
