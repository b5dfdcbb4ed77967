# The unit for systemd, the image and the compose file use options, ports and exit codes that the relay has.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Outbox::Process qw(slurp);
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my ($makefile, $unit, $dockerfile, $compose, $codes) = map { slurp("$project/$_") }
    qw(Makefile packaging/outbox-relay.service docker/Dockerfile docker/compose.yaml relay/base/exit_code.h);

# With a file that may be missing the relay would run with its defaults.
like($unit, qr{^EnvironmentFile=/etc/outbox-relay/environment$}m, 'the unit needs its environment');
my %code = $codes =~ /^    (\w+) = (\d+),/mg;
delete @code{qw(ok unexpected unhealthy not_drained)};    # the last two are of commands that no unit runs
cmp_ok(scalar keys %code, '>=', 6, 'exit codes are known');
my ($not_again) = $unit =~ /^RestartPreventExitStatus=(.*)$/m;
is_deeply([ sort split ' ', $not_again // '' ], [ sort values %code ], 'and the unit does not start again after those that need an operator');

my ($version) = $makefile =~ /^OUTBOX_VERSION := (\S+)$/m;
my @versions = $dockerfile =~ /^ARG OUTBOX_VERSION=(\S+)$/mg;
is_deeply(\@versions, [ $version, $version ], 'the images carry the version');
my ($image) = $dockerfile =~ /^FROM \S+ AS relay\n(.*?)^FROM /ms;
my ($port) = $image =~ /^EXPOSE (\d+)$/m;
like($image, qr/^USER \d+:\d+$/m, 'the image of the relay: a user by number,');
like($image, qr/^ENV OUTBOX_LISTEN=0\.0\.0\.0:$port$/m, 'an address that others reach,');
like($image, qr/^HEALTHCHECK .*"outbox-relay", "health"/m, 'a check of its health,');
like($image, qr/^\s+org\.opencontainers\.image\.\w+=/m, 'and labels');

my ($relay) = $compose =~ /^  relay:\n(.*?)^  \w+:$/ms;
like($relay, qr/^    restart: on-failure:\d+$/m, 'compose does not start the relay again for ever');
unlike($compose, qr/OUTBOX_\w+:\s*$/m, 'and sets no variable to nothing');
my @services = $compose =~ /^  \w+:(?: #.*)?\n(?:    .*\n)+/mg;
@services = grep { /image|build|<<: \*kafka/ } @services;
is(scalar(grep { /no-new-privileges|without_privileges|<<: \*kafka/ } @services), scalar @services, 'no service may gain privileges');

done_testing();
