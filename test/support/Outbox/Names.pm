# Host names below ".test" for the processes of one test, all of them 127.0.0.1, whose name server can die and live again (test/support/names.c).
package Outbox::Names;

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;

my $source = dirname(__FILE__) . '/../names.c';

sub new {
    my ($class) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('names');
    system(qw(cc -shared -fPIC -o), "$folder/names.so", $source, '-ldl') == 0 or croak "cannot compile $source";
    return bless { folder => $folder }, $class;
}

# Variables for a process that is to know the names. library: another one that it loads.
sub env {
    my ($self, $library) = @_;
    return (LD_PRELOAD => join(' ', grep { defined } $library, "$self->{folder}/names.so"), DEAD_NAMES => $self->{folder});
}

# From now on nobody answers who asks for the name.
sub die { my ($self, $name) = @_; PostgreSQL::Test::Utils::append_to_file("$self->{folder}/$name", ''); return }

sub live { my ($self, $name) = @_; unlink "$self->{folder}/$name" or croak "$name: $!"; return }

1;
