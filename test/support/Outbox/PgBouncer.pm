# Debian's PgBouncer in front of a server.
package Outbox::PgBouncer;

use strict;
use warnings;

use Outbox::Process qw(wait_until);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# Whether this machine has one.
sub is_here { return defined _program() }

sub _program {
    my ($program) = grep { -x } qw(/usr/sbin/pgbouncer /usr/bin/pgbouncer);
    return $program;
}

# Whether it passes replication connections on, as PgBouncer does from 1.23 on.
sub passes_replication { my ($major, $minor) = `@{[ _program() ]} --version` =~ /PgBouncer (\d+)\.(\d+)/; return $major > 1 || $minor >= 23 }

# A PgBouncer in front of the node, which lets this role in without a password, and takes connections.
sub start {
    my ($class, $node, $user) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('pgbouncer');
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    PostgreSQL::Test::Utils::append_to_file("$folder/users", qq{"$user" ""\n});
    PostgreSQL::Test::Utils::append_to_file("$folder/ini", <<"END");
[databases]
postgres = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
ignore_startup_parameters = extra_float_digits
END
    my $process = Outbox::Process->spawn(name => 'pgbouncer', command => [ _program(), "$folder/ini" ], stdout => '/dev/null', stderr => '/dev/null');
    my $self = bless { process => $process, dsn => "host=127.0.0.1 port=$port dbname=postgres user=$user sslmode=disable" }, $class;
    wait_until { system('psql', '-XAtqc', 'SELECT 1', '-o', '/dev/null', '-d', $self->{dsn}) == 0 } 'pgbouncer does not answer';
    return $self;
}

sub dsn { return $_[0]{dsn} }

sub stop {
    my ($self) = @_;
    $self->{process}->signal('TERM');
    $self->{process}->wait_for_exit(10);
    return;
}

1;
