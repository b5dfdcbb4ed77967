# A client of the replication protocol that sees what libpq's tools hide: the bounds of CopyData messages, and a keepalive whenever the test asks for
# one.
package Outbox::Walsender;

use strict;
use warnings;

use Outbox::Protocol;

# new(node, slot, 'option value, …'): starts the stream of the slot.
sub new {
    my ($class, $node, $slot, $options) = @_;
    my $connection = Outbox::Protocol->new($node, user => 'relay', database => 'postgres', replication => 'database');
    $connection->send('Q', "START_REPLICATION SLOT \"$slot\" LOGICAL 0/0 ($options)\0");
    $connection->until('W');
    return bless { connection => $connection }, $class;
}

# Asks the server for a keepalive.
sub ask { my ($self) = @_; return $self->{connection}->send('d', pack('a Q> Q> Q> Q> C', 'r', 0, 0, 0, 0, 1)) }

# Confirms a position, as a number.
sub confirm { my ($self, $lsn) = @_; return $self->{connection}->send('d', pack('a Q> Q> Q> Q> C', 'r', $lsn, $lsn, $lsn, 0, 0)) }

# Ends the stream after everything that was sent before is read.
sub end {
    my ($self) = @_;
    $self->{connection}->send('c', '');
    $self->{connection}->until('Z');
    return $self->close;
}

# The next message of the stream: { lines => [...] } of a CopyData message, or { wal_end => number, sent_us => the server's clock } of a keepalive.
sub next {
    my ($self) = @_;
    my $body = $self->{connection}->until('d');
    return { wal_end => unpack('x Q>', $body), sent_us => unpack('x9 q>', $body) } if substr($body, 0, 1) eq 'k';
    die 'unknown message in the stream' if substr($body, 0, 1) ne 'w';
    return { lines => [ split /\n/, substr $body, 25 ] };
}

sub close { my ($self) = @_; return $self->{connection}->close }

1;
