# `make uninstall` takes away what `make install` has installed.
use strict;
use warnings;

use File::Find qw(find);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('installed');
sub make {
    my ($target) = @_;
    local %ENV = %ENV;
    delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
    my $said = '';
    ok(IPC::Run::run([ 'make', '-s', $target, "DESTDIR=$folder" ], '>&', \$said), "make $target") or diag $said;
    return;
}
sub files {
    my @files;
    find({ no_chdir => 1, wanted => sub { push @files, substr $_, length $folder if -f } }, $folder);
    return @files;
}

make('install');
my $installed = join "\n", files();
like($installed, qr/\Q$_\E$/m, "$_ is installed") for qw(/outbox.so /outbox.control /bin/outbox-relay /man1/outbox-relay.1);
make('uninstall');
is(join("\n", files()), '', 'and nothing is left of it');

done_testing();
