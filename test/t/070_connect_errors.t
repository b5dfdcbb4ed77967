# Common mistakes in connecting a relay to a server: the relay logs each once, in one line, with what to do.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = outbox_node('main', conf => "listen_addresses = '127.0.0.1'\n");
create_slot($node);
$node->safe_psql('postgres', q{CREATE ROLE plain LOGIN PASSWORD 'right'; ALTER ROLE relay PASSWORD 'right'});
my $tcp = 'host=127.0.0.1 port=' . $node->port;
my $calls = 0;

# The log of a relay that cannot connect, after its second attempt.
sub says {
    my ($dsn, %options) = @_;
    my $relay = Outbox::Relay->new($node, name => 'relay' . ++$calls, dsn => $dsn, %options)->start;
    $relay->wait_for_log(qr/trying again|standing by/);
    sleep 1;
    $relay->terminate;
    return $relay;
}

sub is_said_once {
    my ($relay, $pattern, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @lines = grep { !/ (status on|stopped|stopping)/ } split /\n/, $relay->log;
    my @said = grep { /trying again|standing by/ } @lines;
    is(scalar @said, 1, "$what: once");
    like($said[0], $pattern, 'with what to do') or diag $relay->log;
    return $said[0];
}

is_said_once(says("$tcp dbname=postgres", user => 'plain'), qr/; ALTER ROLE "plain" REPLICATION; trying again/, 'no REPLICATION');

unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all all trust\nhost postgres relay 127.0.0.1/32 scram-sha-256\n");
$node->reload;
my $line = is_said_once(says("$tcp dbname=postgres password=wrong"),
    qr/password authentication failed for user "relay" \(SQLSTATE 28P01\); the password comes from --dsn, PGPASSWORD or PGPASSFILE/, 'a wrong password');
is(scalar(() = $line =~ /authentication failed/g), 1, 'and once in the line');

$line = is_said_once(says("$tcp password=right", env => { PGDATABASE => undef }),
    qr/no pg_hba\.conf entry.*; no dbname is given in --dsn, so the user's name "relay" was taken for the database's/, 'no dbname');
$line = is_said_once(says("$tcp dbname=template1"), qr/no pg_hba\.conf entry.*host template1 relay <the relay's address> scram-sha-256/,
    'no line in pg_hba.conf');
unlike($line, qr/no dbname/, 'and nothing about a dbname that is given');

# Others can read the password file: the relay logs this once, in the log's own form, and libpq does not print it on standard error.
my $file = PostgreSQL::Test::Utils::tempdir('passwords') . '/pgpass';
append_to_file($file, "*:*:*:*:right\n");
chmod 0640, $file;
my $relay = Outbox::Relay->new($node, name => 'passfile', dsn => "$tcp dbname=postgres", env => { PGPASSFILE => $file }, args => [qw(--log-format json)])->start;
$relay->wait_for_log(qr/no password supplied/);
sleep 1;
is($relay->count_log(qr/password file \\"\Q$file\E\\" is readable by others and is not read; its mode must be 0600 or less/), 1, 'said once');
is(scalar(grep { !/^\{.*\}$/ } split /\n/, $relay->log), 0, 'each line is one of the log');
chmod 0600, $file;
ok($relay->wait_until_streaming($node), 'once its mode is right, the password is read');

is_said_once(says($node->connstr('postgres'), env => { PGPASSWORD => 'right' }), qr/standing by: replication slot "outbox" is active for PID \d+/, 'a second relay');
is($relay->terminate, 0, 'it ends in good order');

done_testing();
