# The passwords and, with TLS=1, the certificates of a chaos run. Each has two halves, the server's and the file that the relay reads, which
# Outbox::Chaos::Faults::Credentials changes one after the other.
package Outbox::Chaos::Secrets;

use strict;
use warnings;

use Outbox::Process qw(slurp);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Utils;

# new(host => {pg => name, kafka => name}): makes the first passwords and certificates, and the relay's files.
sub new {
    my ($class, %options) = @_;
    my $self = bless { folder => PostgreSQL::Test::Utils::tempdir('secrets'), %options, password => 'first' }, $class;
    if ($self->has_tls) {
        for my $end (qw(pg kafka)) {
            $self->make_certificate($end);
            $self->write_authority($end);
        }
    }
    $self->write_password('first');
    $self->write_kafka_password('first');
    return $self;
}

sub has_tls { return $ENV{TLS} ? 1 : 0 }
sub has_kafka_password { return Outbox::Relay::knows_scram() }

# From now on the server demands the relay's password, and uses its certificate.
sub set_up_server {
    my ($self, $node) = @_;
    my $rules = $node->data_dir . '/pg_hba.conf';
    my $old = slurp($rules);
    unlink $rules;
    PostgreSQL::Test::Utils::append_to_file($rules, "host all relay 127.0.0.1/32 scram-sha-256\n$old");
    $node->append_conf('postgresql.conf', $self->{authority}{pg}->server_settings($self->_certificate('pg'))) if $self->has_tls;
    $node->reload;
    return $self->change_password($node, $self->{password});
}

# The options of Outbox::Kafka for the listener that the relay uses.
sub kafka_options {
    my ($self) = @_;
    my ($tls, $sasl) = ($self->has_tls, $self->has_kafka_password);
    my $settings = $tls ? $self->{authority}{kafka}->kafka_listener_settings('PROXIED', $self->_certificate('kafka')) : '';
    $settings .= "listener.name.proxied.sasl.enabled.mechanisms=SCRAM-SHA-256\n"
        . "listener.name.proxied.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n" if $sasl;
    return (
        proxied_protocol => $self->_kafka_protocol, properties => $settings,
        scram => $sasl ? ["SCRAM-SHA-256=[name=relay,password=$self->{password}]"] : []);
}

# The relay's part of the DSN, and the relay's arguments.
sub dsn { my ($self) = @_; return 'passfile=' . $self->_path('pgpass') . ($self->has_tls ? ' sslmode=verify-full sslrootcert=' . $self->_path('pg.ca') : ' sslmode=prefer') }
sub arguments { my ($self) = @_; return ('--property-file', $self->_path('kafka.properties')) }

# ---- the servers' halves

sub change_password { my ($self, $node, $word) = @_; $node->safe_psql('postgres', "ALTER ROLE relay PASSWORD '$word'"); return }

# Makes a certificate for one end, signed by an authority that nobody knows yet. The end uses the certificate after a reload or a restart.
sub make_certificate {
    my ($self, $end) = @_;
    my $authority = $self->{authority}{$end} = Outbox::Tls->new("$end authority " . ++$self->{authorities});
    my $new = $authority->certificate($self->{host}{$end}, host => "DNS:$self->{host}{$end}");
    $self->_write("$end.$_", slurp($new->{$_})) for qw(cert key both);
    return;
}

# ---- the relay's

sub write_password { my ($self, $word) = @_; return $self->_write('pgpass', "*:*:*:*:$word\n") }

sub write_kafka_password {
    my ($self, $word) = @_;
    my @properties = ('security.protocol=' . $self->_kafka_protocol);
    push @properties, 'ssl.ca.location=' . $self->_path('kafka.ca') if $self->has_tls;
    push @properties, 'sasl.mechanisms=SCRAM-SHA-256', 'sasl.username=relay', "sasl.password=$word" if $self->has_kafka_password;
    return $self->_write('kafka.properties', join "\n", @properties, '');
}

sub write_authority { my ($self, $end) = @_; return $self->_write("$end.ca", slurp($self->{authority}{$end}->ca)) }

# ---------------------------------------------------------------------------------------------------------------------

sub _kafka_protocol {
    my ($self) = @_;
    my ($tls, $sasl) = ($self->has_tls, $self->has_kafka_password);
    return $sasl ? ($tls ? 'SASL_SSL' : 'SASL_PLAINTEXT') : $tls ? 'SSL' : 'PLAINTEXT';
}

# The files of an end's certificate; their paths never change.
sub _certificate { my ($self, $end) = @_; return { map { $_ => $self->_path("$end.$_") } qw(cert key both) } }
sub _path { my ($self, $name) = @_; return "$self->{folder}/$name" }

# Replaces the file in one step, so that a reader sees the old text or the new one.
sub _write {
    my ($self, $name, $text) = @_;
    my $path = $self->_path($name);
    PostgreSQL::Test::Utils::append_to_file("$path.new", $text);
    chmod 0600, "$path.new" or die "chmod: $!\n";
    rename "$path.new", $path or die "rename: $!\n";
    return;
}

1;
