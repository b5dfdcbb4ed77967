# PostgreSQL's password comes from a file or a command, which the relay reads at each connection, so a changed or expired password needs no restart.
# No output has a secret, also where something fails.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};    # this test has its own connections
delete @ENV{qw(PGPASSWORD PGPASSFILE)};
my $folder = PostgreSQL::Test::Utils::tempdir('secrets');
my $number = 0;
my $password;
my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
$node->safe_psql('postgres', 'CREATE ROLE owner SUPERUSER LOGIN');
sub change_password {
    $password = 'canary-' . ++$number . '-' . int(rand 1e9);
    $node->safe_psql('postgres', "SET password_encryption = 'scram-sha-256'; ALTER ROLE relay PASSWORD '$password'; ALTER ROLE owner PASSWORD '$password'");
    return;
}
change_password();
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
$node->reload;
create_slot($node, $_) for qw(outbox outbox_by_command);

sub write_secret {
    my ($name, $text) = @_;
    open my $out, '>', "$folder/$name.new" or die $!;
    print $out $text;
    close $out;
    rename "$folder/$name.new", "$folder/$name" or die $!;
    return "$folder/$name";
}

my $dsn = 'host=127.0.0.1 dbname=postgres port=' . $node->port;
my $file = write_secret('password', "$password\n");
my $command = "echo x >>'$folder/asked'; cat '$file'";
sub asked { return slurp("$folder/asked") =~ tr/x// }

# ---- errors at the start

for my $case ([ 'two passwords', qr/expected one password/, '--password-file', $file, '--password-command', 'true' ],
    [ 'a password in the string as well', qr/expected one password/, '--dsn', "$dsn password=$password", '--password-file', $file ],
    [ 'a file that is not there', qr{cannot read "/no/such": No such file}, '--password-file', '/no/such' ],
    [ 'a file of two lines', qr/expected one line/, '--password-file', write_secret('two', "$password\n$password\n") ]) {
    my ($name, $pattern, @arguments) = @$case;
    my ($code, $out, $err) = Outbox::Relay::call(qw(run --stdout), @arguments);
    ok($code == 2 && $err =~ $pattern, "$name: refused") or diag "$code: $err";
    unlike($out . $err, qr/canary/, 'without the password');
}

# ---- one relay with a file, a credential of systemd, and one with a command

my %relay = (
    file => Outbox::Relay->new($node, name => 'file', dsn => $dsn, args => [qw(--password-file password)], env => { CREDENTIALS_DIRECTORY => $folder, PGHOST => undef }),
    command => Outbox::Relay->new($node, name => 'command', dsn => $dsn, args => [ '--slot', 'outbox_by_command', '--password-command', $command ], env => { PGHOST => undef }),
);
$_->start for values %relay;
sub emit { return $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')}) }
sub all_delivered {
    my ($what) = @_;
    emit();
    ok(wait_for_confirmation($node, $_), "$_: $what") for qw(outbox outbox_by_command);
    return;
}
all_delivered('delivers');
unlike(slurp('/proc/' . $_->pid . '/cmdline') . slurp('/proc/' . $_->pid . '/environ'), qr/canary/, 'the password is in no process list') for values %relay;

sub end_sessions { return $node->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL') }

# The password changes first and the file later, and sessions end in between.
change_password();
end_sessions();
$_->wait_for_log(qr/password authentication failed/) for values %relay;
pass('the old password is refused, and the relays wait');
my $before = asked();
write_secret('password', "$password\n");
all_delivered('the new one is taken up');
cmp_ok(asked(), '>', $before, 'the command was asked anew');

# ---- the relay goes on once the file or the command is right again

write_secret('password', "$password\n$password\n");
end_sessions();
$relay{command}->wait_for_log(qr/the password command printed more than one line; expected the password and nothing else/);
$relay{file}->wait_for_log(qr/the password file: .*expected one line/);
rename "$folder/password", "$folder/away";
$relay{command}->wait_for_log(qr/the password command ended with exit status 1; run it as the relay's user to see why/);
$relay{file}->wait_for_log(qr{the password file: cannot read "$folder/password"});
pass('what is wrong is said');
write_secret('password', "$password\n");
all_delivered('and goes on when it is mended');
is($_->terminate, 0, 'it ends in good order') for values %relay;

my $patient = Outbox::Relay->new($node, name => 'hangs', dsn => $dsn, args => [ '--password-command', "echo \$\$ >'$folder/hangs'; exec sleep 600", qw(--listen 127.0.0.1:0) ],
    env => { PGHOST => undef })->start;
wait_until { slurp("$folder/hangs") =~ /\n/ } 'the command runs';
$patient->wait_for_log(qr{status on http://});
my ($address) = $patient->log =~ m{status on http://([\d.:]+)};
is(system("curl -sf http://$address/live >/dev/null"), 0, 'while a command hangs the loop turns');
is($patient->terminate(5), 0, 'and the relay ends when it is asked to');
chomp(my $child = slurp("$folder/hangs"));
ok(!-e "/proc/$child", 'with its command');

# ---- setup, which waits

$node->safe_psql('postgres', 'ALTER SCHEMA outbox OWNER TO owner') if Outbox::Form::is_hosted();    # who is the only one to set it up
my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', "$dsn user=owner", '--password-command', $command);
is($code, 0, 'setup asks the command, too') or diag $err;
my ($code2, $out2, $err2) = Outbox::Relay::call('setup', '--dsn', "$dsn user=owner", '--password-command', "cat '$file'; exit 7");
is($code2, 1, 'and ends where it fails');
like($err2, qr/cannot connect to PostgreSQL: the password command ended with exit status 7/, 'with the reason');
unlike($_, qr/canary/, 'no password in an output') for $out . $err . $out2 . $err2, map { $_->whole_log } values %relay, $patient;

# ---- config show

my (undef, $shown) = Outbox::Relay::call(qw(config show --origin --password-command), $command);
like($shown, qr/^password_command = "echo.*# --password-command$/m, 'config show has the command, which is no secret');
done_testing();
