# A connection that speaks PostgreSQL's frontend protocol itself, for messages that libpq hides or refuses to send. It uses the Unix socket, without a
# password.
package Outbox::Protocol;

use strict;
use warnings;

use IO::Socket::UNIX;

# new(node, user => …, database => …, other parameters of the startup packet): ready for the first command.
sub new {
    my ($class, $node, %parameters) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
    my $self = bless { socket => $socket, received => '' }, $class;
    my $startup = pack('N', 196608) . join("\0", %parameters, '', '');
    $self->_put(pack('N', 4 + length $startup) . $startup);
    $self->until('Z');
    return $self;
}

sub send { my ($self, $type, $body) = @_; return $self->_put($type . pack('N', 4 + length $body) . $body) }

# The next message, as (type, body); an empty list where the server has gone.
sub message {
    my ($self) = @_;
    $self->_fill(5) or return;
    my ($type, $length) = unpack 'a N', $self->{received};
    $self->_fill(1 + $length) or return;
    my $body = substr $self->{received}, 5, $length - 4;
    substr($self->{received}, 0, 1 + $length, '');
    return $type, $body;
}

# The body of the next message of this type. Other messages are skipped, except errors.
sub until {
    my ($self, $wanted) = @_;
    while (my ($type, $body) = $self->message) {
        die "the server says: $body" if $type eq 'E';
        return $body if $type eq $wanted;
    }
    die 'the server has gone';
}

sub close { my ($self) = @_; return close $self->{socket} }

sub _put {
    my ($self, $bytes) = @_;
    while (length $bytes) {
        my $sent = syswrite($self->{socket}, $bytes) // die "cannot send: $!";
        substr($bytes, 0, $sent, '');
    }
    return;
}

sub _fill {
    my ($self, $size) = @_;
    local $SIG{ALRM} = sub { die "nothing comes from the server\n" };
    alarm 60;
    while (length $self->{received} < $size) {
        sysread($self->{socket}, $self->{received}, 65536, length $self->{received}) or last;
    }
    alarm 0;
    return length $self->{received} >= $size;
}

1;
