# The unit, META.json, the packages' files and the settings in docker/kubernetes agree with the programs. test/support/deb installs the packages, and
# test/support/kubernetes checks the objects against the schemas of Kubernetes.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);
use Outbox::File qw(write_file);
use Outbox::Process qw(slurp);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $folder = PostgreSQL::Test::Utils::tempdir('packages');
my ($makefile, $unit, $control) = map { slurp("$project/$_") } qw(Makefile packaging/outbox-relay.service packaging/debian/control);
my ($version) = $makefile =~ /^OUTBOX_VERSION := (\S+)$/m;

# ---- the unit ----------------------------------------------------------------------------------------------------------

my ($watchdog_s) = $unit =~ /^WatchdogSec=(\d+)$/m;
cmp_ok($watchdog_s, '>=', 60, 'the watchdog is no quicker than /live, which calls a loop stuck after a minute');
like($unit, qr/^Type=notify$/m, 'it gets its signs of life');
like($unit, qr/^Restart=on-failure$/m, 'and a relay that it has ended starts again');
SKIP: {
    skip 'no systemd-analyze here', 1 if system('command -v systemd-analyze >/dev/null');
    my $words = `systemd-analyze security --offline=true --threshold=15 --no-pager $project/packaging/outbox-relay.service 2>&1`;
    is($?, 0, 'systemd-analyze security: 1.5 at most') or diag $words;
}

# ---- META.json and the packages ----------------------------------------------------------------------------------------

my $meta = decode_json(slurp("$project/META.json"));
is($meta->{version}, $version, 'META.json has the version');
my $provided = $meta->{provides}{outbox};
ok(-e "$project/$provided->{$_}", "META.json: the $_ is there") for qw(file docfile);
my ($extension) = slurp("$project/outbox_ext/outbox.control") =~ /^default_version = '([\d.]+)'$/m;
is($provided->{version}, "$extension.0", 'and the version of the extension');

my @headers = grep { /-dev$/ } slurp("$project/test/support/packages") =~ /^build\|([^|@]+)\|/mg;
cmp_ok(scalar @headers, '>', 10, 'libraries that the build needs');
my ($build_depends) = $control =~ /^Build-Depends: (.*?)^\S/ms;
my @missing = grep { $build_depends !~ /\b\Q$_\E\b/ && $_ ne 'librdkafka-dev' } @headers;
is_deeply(\@missing, [], 'the packages are built with all of them');

# ---- Kubernetes --------------------------------------------------------------------------------------------------------

sub block { # the text below "NAME: |"
    my ($yaml, $name) = @_;
    my ($indent, $text) = $yaml =~ /^( +)\Q$name\E: \|\n((?:\1  .*\n)+)/m or die "no $name";
    $text =~ s/^$indent  //mg;
    return $text;
}

my ($relay, $secret) = map { slurp("$project/docker/kubernetes/$_.yaml") } qw(relay secret.example);
my $settings = block($relay, 'outbox-relay.toml') =~ s{/run/secrets/outbox}{$folder}gr;
write_file("$folder/$_", block($secret, $_)) for qw(pg_service.conf kafka.properties);
$ENV{PGSERVICEFILE} = "$folder/pg_service.conf";
my $path = write_file("$folder/outbox-relay.toml", $settings);
my ($code, undef, $err) = Outbox::Relay::call(qw(config check --config), $path);
SKIP: {
    skip 'the settings have a login by SCRAM, and librdkafka cannot', 1 if !Outbox::Relay::knows_scram();
    is($code, 0, 'the relay takes the settings of docker/kubernetes') or diag $err;
}
write_file($path, $settings =~ s/^delivery/delivry/mr);
is((Outbox::Relay::call(qw(config check --config), $path))[0], 2, 'which is no matter of course');

my ($port) = $settings =~ /^listen = ".*:(\d+)"$/m;
like($relay, qr/^ +containerPort: $port$/m, 'the port is the one that it listens on');
my ($image_port) = slurp("$project/docker/Dockerfile") =~ /^ENV OUTBOX_LISTEN=\S+:(\d+)$/m;
is($image_port, $port, 'as in the image, whose variable counts more than the settings');
my ($image_user) = slurp("$project/docker/Dockerfile") =~ /^USER (\d+):/m;
like($relay, qr/^ +runAsUser: $image_user$/m, 'the user is the one of the image');
like($relay, qr/^ +image: \S+:\Q$version\E$/m, 'and the version that of the Makefile');

done_testing();
