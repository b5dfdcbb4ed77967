# The versions for a bug report: `version` prints one line, `version --verbose` every library. Neither reads the settings, which may be wrong.
use strict;
use warnings;

use Outbox::Relay;
use Test::More;

local %ENV = (%ENV, OUTBOX_BROKERS => '', OUTBOX_NONSENSE => 'x', OUTBOX_CONFIG => '/nowhere');

my ($code, $short) = Outbox::Relay::call('version');
is($code, 0, 'version, with variables that another command would refuse');
like($short, qr/\Aoutbox-relay \d+\.\d+\.\d+ \(librdkafka [\d.]+, libpq [\d.]+\)\n\z/, 'one line');
like((Outbox::Relay::call('--version'))[1], qr/\Aoutbox-relay \d+\.\d+\.\d+\n\z/, '--version says less');

($code, my $long, my $err) = Outbox::Relay::call(qw(version --verbose));
is($code, 0, 'version --verbose');
like($long, qr/\A\Q$short\E/, 'it begins with the same line');
my %line = $long =~ /^  (\S+) +(.*)$/mg;
like($line{librdkafka}, qr/^\d+\.\d+\.\d+, (?:shared|linked statically): .*\bsasl_scram\b/, 'librdkafka, how it is linked, and what is built in');
like($line{$_}, qr/^\d+\.\d+/, $_) for qw(libpq OpenSSL libmicrohttpd spdlog fmt CLI11 toml++);
like($line{$_}, qr/^\Q$_\E\.so\.\d/, $_) for qw(libprometheus-cpp-core libsasl2 libzstd liblz4 libz libstdc++), $line{librdkafka} =~ /linked statically/ ? 'libcurl' : ();
like($line{compiler}, qr/\d+\.\d+/, 'the compiler');
like($line{system}, qr/glibc \d+\.\d+$/, 'the system');

($code, undef, $err) = Outbox::Relay::call(qw(version --brokers kafka:9092));
is($code, 2, 'version takes no setting');

done_testing();
