# A server on another machine has to prove its name unless an sslmode is set, and the error says what to add. Names that end in ".test" resolve to
# 127.0.0.1 here, and are another machine for the relay.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'this server was built without TLS' if !Outbox::Node::has_tls();
delete $ENV{TLS};    # this test has its own certificates
delete @ENV{qw(PGSSLMODE PGSSLROOTCERT)};
my $folder = PostgreSQL::Test::Utils::tempdir('verify');
append_to_file("$folder/names.c", <<'END');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    size_t size = name == 0 ? 0 : strlen(name);
    return real(size > 5 && strcmp(name + size - 5, ".test") == 0 ? "127.0.0.1" : name, service, hints, found);
}
END
system('cc', '-shared', '-fPIC', '-o', "$folder/names.so", "$folder/names.c", '-ldl') == 0 or die 'cc';
my %env = (LD_PRELOAD => "$folder/names.so", PGHOST => undef, HOME => $folder);

my $tls = Outbox::Tls->new('authority');
my $certificate = $tls->certificate('db.test', host => 'DNS:db.test');
my $node = outbox_node('main', conf => $tls->server_settings($certificate));
my $plain = outbox_node('plain', conf => "listen_addresses = '127.0.0.1'\n");
create_slot($_) for $node, $plain;
my ($dsn, $plain_dsn) = map { 'host=db.test dbname=postgres port=' . $_->port } $node, $plain;
my $count = 0;

sub relay {
    my ($server, $connection, %more) = @_;
    return Outbox::Relay->new($server, name => 'relay' . ++$count, dsn => $connection, env => { %env, %more })->start;
}

sub says_what_to_do {
    my ($relay, $reason, $case) = @_;
    $relay->wait_for_log($reason);
    my ($line) = $relay->log =~ /^(.*$reason.*)$/m;
    like($line, qr/no sslmode is given and the host is another machine, so the relay asks for sslmode=verify-full: .*sslrootcert=FILE.*sslmode=prefer/, "$case: says why and what to do");
    is(scalar(() = $relay->output), 0, 'and delivers nothing');
    $relay->kill_nine;
    return;
}

sub delivers {
    my ($server, $relay, $case) = @_;
    $server->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    ok(wait_for_confirmation($server), "$case: delivers");
    is($relay->terminate, 0, 'and ends');
    return $relay->log;
}

# ---- no sslmode is set

says_what_to_do(relay($node, $dsn), qr/root certificate file/, 'no authority');
says_what_to_do(relay($plain, "$plain_dsn sslrootcert=" . $tls->ca), qr/does not support SSL/, 'a server without TLS');
says_what_to_do(relay($node, "$dsn sslrootcert=" . Outbox::Tls->new('other')->ca), qr/certificate verify failed/, 'another authority');
says_what_to_do(relay($node, ($dsn =~ s/db\.test/other.test/r) . ' sslrootcert=' . $tls->ca), qr/does not match host name/, 'another name');
unlike(delivers($node, relay($node, "$dsn sslrootcert=" . $tls->ca), 'the authority in the string'), qr/plain text|nobody checks/, 'nothing is at risk');
delivers($node, relay($node, $dsn, PGSSLROOTCERT => $tls->ca), 'the authority in a variable');

# ---- an sslmode is set: the relay logs once what is not protected

append_to_file("$folder/services", "[plain]\nhost=db.test\nport=" . $plain->port . "\ndbname=postgres\nsslmode=prefer\n");
for my $case ([ 'in the string', "$plain_dsn sslmode=prefer", {} ], [ 'in a variable', $plain_dsn, { PGSSLMODE => 'prefer' } ],
    [ 'in a service file', 'service=plain', { PGSERVICEFILE => "$folder/services" } ]) {
    my ($name, $connection, $more) = @$case;
    my $log = delivers($plain, relay($plain, $connection, %$more), "prefer $name");
    is(scalar(() = $log =~ /may be in plain text, and nobody checks which server answers \(sslmode=prefer\)/g), 1, 'and says once what is at risk');
}
like(delivers($node, relay($node, "$dsn sslmode=require"), 'require'), qr/encrypted, but nobody checks which server answers/, 'that is said, too');

# ---- this machine

for my $host ('127.0.0.1', $plain->host) {
    unlike(delivers($plain, relay($plain, "host=$host dbname=postgres port=" . $plain->port), "at $host without a word"), qr/plain text/, 'nothing is at risk on this machine');
}

# ---- setup

{
    local %ENV = (%ENV, LD_PRELOAD => $env{LD_PRELOAD}, HOME => $folder);
    my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', "$dsn user=relay");
    is($code, 1, 'setup does not connect either');
    like($err, qr/root certificate file.*; no sslmode is given/, 'and says what to do');
}
done_testing();
