# Certificates for one test: an authority and certificates that it signs, made by openssl in a temporary folder. With TLS=1 this module also has the
# settings with which relay, PostgreSQL and Kafka use TLS in every test.
package Outbox::Tls;

use strict;
use warnings;

use Carp qw(croak);
use IPC::Run ();
use PostgreSQL::Test::Utils;

# new(name, days => 2): creates an authority whose certificate is valid for so many days.
sub new {
    my ($class, $name, %options) = @_;
    my $self = bless { name => $name // 'authority', folder => PostgreSQL::Test::Utils::tempdir('tls') }, $class;
    _openssl(qw(req -x509 -nodes -days), $options{days} // 2, @{ _key($self->_path('ca')) }, '-subj', "/CN=$self->{name}", '-out', $self->ca);
    return $self;
}

# The file with the authority's own certificate, which clients trust.
sub ca { return $_[0]->_path('ca.pem') }

# certificate(name, host => 'IP:127.0.0.1' or 'DNS:…', days => 2, expired => 1): signs a certificate for the common name. Returns a hash of the files cert, key
# and both (key and certificate in one file, as Kafka reads them).
sub certificate {
    my ($self, $name, %options) = @_;
    my $number = ++$self->{number};
    my ($cert, $key, $request, $both) = map { $self->_path("$number.$_") } qw(pem key csr both);
    PostgreSQL::Test::Utils::append_to_file($self->_path("$number.ext"), $options{host} ? "subjectAltName=$options{host}\n" : "basicConstraints=CA:FALSE\n");
    _openssl(qw(req -new -nodes), @{ _key($self->_path($number)) }, '-subj', "/CN=$name", '-out', $request);
    my @early = $options{expired} ? qw(faketime -f -9d) : ();
    _run(@early, qw(openssl x509 -req -days), $options{days} // 2, '-in', $request, '-CA', $self->ca, '-CAkey', $self->_path('ca.key'), '-set_serial', $number,
        '-extfile', $self->_path("$number.ext"), '-out', $cert);
    PostgreSQL::Test::Utils::append_to_file($both, PostgreSQL::Test::Utils::slurp_file($key) . PostgreSQL::Test::Utils::slurp_file($cert));
    chmod 0600, $key, $both;
    return { cert => $cert, key => $key, both => $both };
}

sub _path { my ($self, $name) = @_; return "$self->{folder}/$name" }
sub _key { return [ qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout), "$_[0].key" ] }
sub _openssl { return _run('openssl', @_) }

sub _run {
    my (@command) = @_;
    my $said = '';
    IPC::Run::run(\@command, '<', \'', '>', \$said, '2>&1') or croak "@command: $said";
    return;
}

# ---- TLS=1

my $everywhere;

# The authority of this test, where TLS=1.
sub everywhere {
    return if !$ENV{TLS};
    return $everywhere //= do {
        my $tls = Outbox::Tls->new('everywhere');
        $tls->{server} = $tls->certificate('127.0.0.1', host => 'IP:127.0.0.1');
        $tls;
    };
}

# Lines for postgresql.conf.
sub server_settings {
    my ($self, $certificate) = @_;
    $certificate //= $self->{server};
    return <<"END";
listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '$certificate->{cert}'
ssl_key_file = '$certificate->{key}'
ssl_ca_file = '@{[ $self->ca ]}'
END
}

# The command line and the environment of a relay that connects over TCP and TLS instead of the server's socket, and to Kafka over TLS.
sub secured {
    my (@command) = @_;
    my $tls = everywhere() or return (\@command, {});
    return (\@command, {}) if !grep { defined $ENV{OUTBOX_RELAY} && $_ eq $ENV{OUTBOX_RELAY} || m{/outbox-relay$} } @command;
    for my $i (1 .. $#command) {
        $command[$i] = $tls->_secured_dsn($command[$i]) if $command[ $i - 1 ] eq '--dsn';
    }
    my $asks_kafka = grep { $_ eq '--brokers' } @command;
    my $names_protocol = grep { /security\.protocol|^--property-file$/ } @command;
    return (\@command, {}) if !$asks_kafka || $names_protocol || defined $ENV{OUTBOX_PROPERTY};    # a test has properties of its own
    my @properties = $tls->kafka_client_properties;
    return ([ @command, map { ('-X', $_) } @properties ], {}) if grep { $_ eq '-X' } @command;    # because -X in the command line replaces the variable
    return (\@command, { OUTBOX_PROPERTY => join "\n", @properties });
}

sub _secured_dsn {
    my ($self, $dsn) = @_;
    return $dsn if $dsn =~ /sslmode/ || $dsn !~ s{host='?/[^\s']*'?}{host=127.0.0.1} && $dsn !~ /host=127\.0\.0\.1/;
    return "$dsn sslmode=verify-full sslrootcert=" . $self->ca;
}

# The properties of a client of Kafka.
sub kafka_client_properties { my ($self) = @_; return ('security.protocol=SSL', 'ssl.ca.location=' . $self->ca) }

# Lines in the broker's configuration for the listener of this name.
sub kafka_listener_settings {
    my ($self, $listener, $certificate, %options) = @_;
    my $of = 'listener.name.' . lc $listener;
    my $client = $options{mutual} ? 'required' : 'none';
    return <<"END";
$of.ssl.keystore.type=PEM
$of.ssl.keystore.location=$certificate->{both}
$of.ssl.truststore.type=PEM
$of.ssl.truststore.location=@{[ $self->ca ]}
$of.ssl.client.auth=$client
END
}

1;
