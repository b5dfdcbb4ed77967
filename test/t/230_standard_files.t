# Standard output and standard error that are closed, read-only, full or left: no event counts as delivered that nobody could read, and a command does
# not end with 0 after it could not print.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my $folder = PostgreSQL::Test::Utils::tempdir('files');
my $dsn = $node->connstr('postgres') . ' user=relay';
my $program = $ENV{OUTBOX_RELAY};
delete @ENV{ grep { /^OUTBOX_/ } keys %ENV };    # the tests' own, which the relay does not know

# Runs the program by the shell, which closes and redirects files. Returns the exit status, and what was written to standard error.
sub run_with {
    my ($redirection, @arguments) = @_;
    my $status = system 'sh', '-c', "timeout 20 \"\$0\" \"\$@\" 2>'$folder/err' $redirection", $program, @arguments;
    return ($status >> 8, slurp("$folder/err"));
}

$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}')});
my $position = slot($node, 'confirmed_flush_lsn');
for my $redirection ('>&-', '1</dev/null', '<&- >&-') {
    my ($status, $text) = run_with($redirection, 'run', '--dsn', $dsn, '--stdout');
    is($status, 2, "run --stdout $redirection");
    like($text, qr/--stdout: standard output is closed, or not open for writing/, 'and says why');
}
is(slot($node, 'confirmed_flush_lsn'), $position, 'nothing is confirmed');

# The log's descriptor is no other file's when standard error is closed.
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', i, '{}') FROM generate_series(2, 100) AS i});
my $out = "$folder/out";
my $pid = fork // die;
if ($pid == 0) {
    exec 'sh', '-c', 'exec "$0" "$@" <&- 2>&- >' . $out, $program, 'run', '--dsn', $dsn, '--stdout', '--log-level', 'debug';
}
wait_until { -e $out && scalar(() = slurp($out) =~ /\n/g) >= 100 } 'the events do not come';
wait_for_confirmation($node);
kill 'TERM', $pid;
waitpid $pid, 0;
is(scalar(grep { !/^\{"topic":"orders",.*\}$/ } split /\n/, slurp($out)), 0, 'closed input and error: the output holds the events alone');

# Other commands fail where their output cannot be written.
for my $arguments (['version'], ['status', '--dsn', $dsn], ['doctor', '--dsn', $dsn], ['completion', 'bash'], ['tail', '--dsn', $dsn, '--since-confirmed', '--limit', 1]) {
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 1, '{}')}) if $arguments->[0] eq 'tail';
    my ($status, $text) = run_with('>/dev/full', @$arguments);
    isnt($status, 0, "$arguments->[0] >/dev/full");
    like($text, qr/cannot write to standard output/, 'and says why');
}
# A file that may not grow beyond a limit is no other than a full disk, and ends no process by a signal.
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', i, '{}') FROM generate_series(1, 100) AS i});
my $said = `sh -c 'ulimit -f 1; exec "\$0" "\$@" >"$folder/limited"' $program run --dsn '$dsn' --stdout 2>&1`;
is($?, 1 << 8, 'a limit for the size of files ends the relay with its own status');
like($said, qr/cannot write to standard output: File too large/, 'and it says why');
$pid = open(my $events, '-|', 'sh', '-c', q{ulimit -f 0; exec "$0" "$@" 2>} . "'$folder/limited.log'", $program, 'run', '--dsn', $dsn, '--stdout') // die;
like(scalar <$events>, qr/^\{"topic":"orders"/, 'a log that may not grow keeps no event back');
kill 'TERM', $pid;
close $events;
is($?, 0, 'and the relay ends in good order');
my ($status, $text) = run_with('| true', 'status', '--dsn', $dsn);
unlike($text, qr/standard output/, 'a reader that goes away is no fault');
done_testing();
