# A proxy that changes a server's answers, so that a test sees the answers of a server of another version. The proxy passes on everything else, and from
# tell_the_truth() on everything.
package Outbox::Retelling;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# new(to => '/a/socket' or 'host:port', port => the proxy's own (default: a free one), says => sub { changes $_, the server's bytes }): runs.
sub new {
    my ($class, %options) = @_;
    my $self = bless { port => $options{port} // PostgreSQL::Test::Cluster::get_free_port(), truth => PostgreSQL::Test::Utils::tempdir('retelling') . '/truth' }, $class;
    my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', LocalPort => $self->{port}, ReuseAddr => 1) or die "listen: $!";
    $self->{parent} = $$;
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($listener, $self->{truth}, %options) };
        require POSIX;
        POSIX::_exit(0);
    }
    return $self;
}

sub port { return $_[0]{port} }

# From now on the proxy changes nothing.
sub tell_the_truth { PostgreSQL::Test::Utils::append_to_file($_[0]{truth}, ''); return }

# The file: while the file exists, the proxy changes nothing.
sub truth { return $_[0]{truth} }

sub _serve {
    my ($listener, $truth, %options) = @_;
    my $select = IO::Select->new($listener);
    my (%other, %is_server);
    while (1) {
        for my $ready ($select->can_read(1)) {
            if ($ready == $listener) {
                my $client = $listener->accept or next;
                my $server = $options{to} =~ m{^/} ? IO::Socket::UNIX->new(Peer => $options{to}) : IO::Socket::INET->new(PeerAddr => $options{to});
                if (!$server) { close $client; next }
                @other{ $client, $server } = ($server, $client);
                $is_server{$server} = 1;
                $select->add($client, $server);
                next;
            }
            my $other = $other{$ready} or next;
            my $got = sysread $ready, my $bytes, 65536;
            if (!$got) {
                $select->remove($ready, $other);
                delete @other{ $ready, $other };
                delete @is_server{ $ready, $other };
                close $_ for $ready, $other;
                next;
            }
            if ($is_server{$ready} && !-e $truth) { $options{says}->() for $bytes }
            for (my $at = 0; $at < length $bytes;) { $at += syswrite($other, $bytes, length($bytes) - $at, $at) // last }
        }
        exit 0 if getppid() == 1;
    }
}

sub DESTROY {
    my ($self) = @_;
    return if !$self->{pid} || $$ != $self->{parent};
    local $?;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
