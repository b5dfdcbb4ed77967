# pgbench as an application without events, and readers of slots beside it.
package Bench::Beside;

use strict;
use warnings;

use Exporter qw(import);
use Outbox::Process qw(slurp wait_until);
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(pgbench start_reader stop_reader);

# Runs pgbench with these arguments on the server's database, and returns what it says.
sub pgbench {
    my ($server, @arguments) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('pgbench');
    my @command = ('pgbench', @arguments, '-h', $server->node->host, '-p', $server->node->port, 'postgres');
    my $process = Outbox::Process->spawn(command => \@command, stdout => "$folder/out", stderr => "$folder/err");
    die "@command:\n" . slurp("$folder/err") if $process->wait_for_exit(600) ne '0';
    return slurp("$folder/out");
}

# Creates a slot and starts a program of Bench::Drain that reads it: {slot, process, walsender}, the last one a PID.
sub start_reader {
    my ($server, $slot, $plugin, $program) = @_;
    $server->sql("SELECT pg_create_logical_replication_slot('$slot', '$plugin')");
    my $log = "$PostgreSQL::Test::Utils::log_path/$slot.log";
    my $process = Outbox::Process->spawn(command => $program->($server, undef, $slot)->{command}, stdout => '/dev/null', stderr => $log);
    my $walsender = wait_until { $process->alive or die slurp($log); $server->walsender($slot) } 'no stream';
    return { slot => $slot, process => $process, walsender => $walsender };
}

sub stop_reader {
    my ($server, $reader) = @_;
    $reader->{process}->signal('TERM');
    $reader->{process}->wait_for_exit(60);
    $server->drop_slot($reader->{slot});
    return;
}

1;
