# A client of the replication protocol that sees what libpq's tools hide: where a CopyData ends, and keepalives whenever it likes.
package Outbox::Walsender;

use strict;
use warnings;

use IO::Socket::UNIX;

# new(node, slot, 'option value, …'): streaming from the slot.
sub new {
    my ($class, $node, $slot, $options) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "cannot connect: $!";
    my $self = bless { socket => $socket, received => '' }, $class;
    my $startup = pack('N', 196608) . join("\0", 'user', 'relay', 'database', 'postgres', 'replication', 'database', '', '');
    $self->_put(pack('N', 4 + length $startup) . $startup);
    $self->_until('Z');
    $self->_send('Q', "START_REPLICATION SLOT \"$slot\" LOGICAL 0/0 ($options)\0");
    $self->_until('W');
    return $self;
}

# Asks the server for a keepalive.
sub ask { my ($self) = @_; return $self->_send('d', pack('a Q> Q> Q> Q> C', 'r', 0, 0, 0, 0, 1)) }

# The next thing in the stream: { lines => [...] } of a CopyData, or { wal_end => number } of a keepalive.
sub next {
    my ($self) = @_;
    my $body = $self->_until('d');
    return { wal_end => unpack('x Q>', $body) } if substr($body, 0, 1) eq 'k';
    die 'unknown message in the stream' if substr($body, 0, 1) ne 'w';
    return { lines => [ split /\n/, substr $body, 25 ] };
}

sub close { my ($self) = @_; return close $self->{socket} }

sub _send { my ($self, $type, $body) = @_; return $self->_put($type . pack('N', 4 + length $body) . $body) }

sub _put {
    my ($self, $bytes) = @_;
    while (length $bytes) {
        my $sent = syswrite($self->{socket}, $bytes) // die "cannot send: $!";
        substr($bytes, 0, $sent, '');
    }
    return;
}

# The body of the next message of a type; what comes before it is skipped, but for errors.
sub _until {
    my ($self, $wanted) = @_;
    while (1) {
        $self->_fill(5);
        my ($type, $length) = unpack 'a N', $self->{received};
        $self->_fill(1 + $length);
        my $body = substr $self->{received}, 5, $length - 4;
        substr($self->{received}, 0, 1 + $length, '');
        die "the server says: $body" if $type eq 'E';
        return $body if $type eq $wanted;
    }
}

sub _fill {
    my ($self, $size) = @_;
    local $SIG{ALRM} = sub { die "nothing comes from the server\n" };
    alarm 60;
    while (length $self->{received} < $size) {
        sysread($self->{socket}, $self->{received}, 65536, length $self->{received}) or die 'the server has gone';
    }
    alarm 0;
    return;
}

1;
