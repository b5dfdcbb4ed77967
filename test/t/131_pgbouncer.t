# Headers of a transaction behind PgBouncer in transaction mode, with one connection to the server for all clients: headers that a client has SET
# LOCAL are on its own events and on no others, also when its transaction fails or its connection ends.
use strict;
use warnings;

BEGIN { delete $ENV{TLS} }    # PgBouncer's connections are plain here

use IPC::Run;
use JSON::PP qw(decode_json);
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
ok($pgbouncer, 'a pgbouncer') or BAIL_OUT('install pgbouncer');

my $node = outbox_node('pooled', conf => "listen_addresses = '127.0.0.1'\n");
create_slot($node);
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $folder = PostgreSQL::Test::Utils::tempdir('pgbouncer');
my $port = PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$folder/pgbouncer.ini", <<"END");
[databases]
postgres = host=@{[$node->host]} port=@{[$node->port]} dbname=postgres user=$user
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
END
my $process = Outbox::Process->spawn(name => 'pgbouncer', command => [ $pgbouncer, "$folder/pgbouncer.ini" ], stdout => "$folder/log", stderr => "$folder/log");
my $pool = "host=127.0.0.1 port=$port dbname=postgres user=$user";
wait_until { system("psql -XAtqc 'SELECT 1' '$pool' >/dev/null 2>&1") == 0 } 'PgBouncer takes connections' or diag slurp("$folder/log");

# A client's session, which runs one statement after the other. Each psql stays connected to PgBouncer, and waits there for the connection to the
# server.
sub client {
    my %client = (in => '', out => '');
    $client{run} = IPC::Run::start(['psql', '-XAtq', '-d', $pool], '<', \$client{in}, '>', \$client{out}, '2>', \$client{out}, IPC::Run::timeout(60));
    return \%client;
}

sub says {
    my ($client, $sql) = @_;
    $client->{out} = '';
    $client->{in} .= "$sql\n\\echo done\n";
    IPC::Run::pump($client->{run}) until $client->{out} =~ /^done$/m;
    return $client->{out} =~ s/^done\n//mr;
}

my ($one, $other) = (client(), client());
my $backend = says($one, 'SELECT pg_backend_pid();');
is(says($other, 'SELECT pg_backend_pid();'), $backend, 'both clients share one connection to the server');

says($one, q{BEGIN; SET LOCAL outbox.headers = '{"tenant":"7"}'; SELECT FROM outbox.emit('t', 'one', '{}'); COMMIT;});
says($other, q{SELECT FROM outbox.emit('t', 'other', '{}');});
says($other, q{BEGIN; SELECT FROM outbox.emit('t', 'other', '{}', NULL, '{"tenant":"8"}'); COMMIT;});
like(says($one, q{BEGIN; SET LOCAL outbox.headers = '{"tenant":"7"}'; SELECT 1/0; ROLLBACK;}), qr/division by zero/, 'a transaction fails');
says($other, q{SELECT FROM outbox.emit('t', 'after a failure', '{}');});
says($one, q{BEGIN; SET LOCAL outbox.headers = '{"tenant":"7"}'; SELECT FROM outbox.emit('t', 'gone', '{}');});
$one->{run}->kill_kill;
says($other, q{SELECT FROM outbox.emit('t', 'after a client that has gone', '{}');});
says($other, q{BEGIN; SET LOCAL outbox.headers = '{"tenant":"9"}'; SELECT FROM outbox.emit('t', 'last', '{}'); COMMIT;});
$other->{in} .= "\\q\n";
$other->{run}->finish;

is(join("\n", map { my $event = decode_json($_); "$event->{key} " . ($_ =~ /"headers":(\{[^}]*\})/ ? $1 : '-') } emitted($node, 'outbox', 'get')), <<'END' =~ s/\n\z//r, 'each event has the headers of its own transaction');
one {"tenant":"7"}
other -
other {"tenant":"8"}
after a failure -
after a client that has gone -
last {"tenant":"9"}
END
$process->signal('INT');
$process->wait_for_exit;
$node->stop;
done_testing();
