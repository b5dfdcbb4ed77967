# Host names below ".test" for the processes of one test, all of them 127.0.0.1, whose name server can die and live again (test/support/names.c).
package Outbox::Names;

use strict;
use warnings;

use Carp qw(croak);
use PostgreSQL::Test::Utils;

sub new {
    my ($class) = @_;
    croak 'OUTBOX_BUILD is not set' if !$ENV{OUTBOX_BUILD};
    return bless { folder => PostgreSQL::Test::Utils::tempdir('names'), library => "$ENV{OUTBOX_BUILD}/names.so" }, $class;
}

# Variables for a process that looks up the names. `library`: one more library that the process loads.
sub env {
    my ($self, $library) = @_;
    return (LD_PRELOAD => join(' ', grep { defined } $library, $self->{library}), DEAD_NAMES => $self->{folder});
}

# From now on a look-up of the name gets no answer.
sub die { my ($self, $name) = @_; PostgreSQL::Test::Utils::append_to_file("$self->{folder}/$name", ''); return }

sub live { my ($self, $name) = @_; unlink "$self->{folder}/$name" or croak "$name: $!"; return }

1;
