# Everything that runs in a chaos run, as separate processes: PostgreSQL (and at times its standby), Kafka, the relays, and the proxy
# between them. Knows how each is started; what is done to them is Outbox::Chaos::Faults' business.
package Outbox::Chaos::Stage;

use strict;
use warnings;

use Outbox::Kafka;
use Outbox::KafkaCluster;
use Outbox::Node;
use Outbox::Process qw(wait_until slurp);
use Outbox::Proxy;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my $disk_mb = 768;

# The server gives a silent relay up after three seconds; a standby finds what WAL it needs after its slots were copied.
my $settings = <<'END';
listen_addresses = '127.0.0.1'
wal_sender_timeout = 3s
wal_keep_size = 512MB
max_replication_slots = 10
autovacuum_naptime = 5s
checkpoint_timeout = 30s
log_min_messages = warning
END

# new(delivery, program => the relay, topics => {name => {...}}, cluster => 1 for three brokers): all is up, the slot is made, no relay runs yet.
sub new {
    my ($class, $delivery, %options) = @_;
    my $self = bless { delivery => $delivery, options => \%options, relays => {}, exits => [], nodes => 0 }, $class;
    $self->{node} = outbox_node($self->next_node_name, conf => $settings, plugins => 'outbox');
    $self->_give_password;
    $self->_make_disk if !$options{cluster};
    my @brokers = $options{cluster} ? map({ "kafka$_" } 1 .. 3) : 'kafka';
    my @inner_ports = map { PostgreSQL::Test::Cluster::get_free_port() } @brokers;
    $self->{proxy} = Outbox::Proxy->new(pg => $self->{node}->port, map { $brokers[$_] => $inner_ports[$_] } 0 .. $#brokers);
    $self->{links} = { pg => ['pg'], kafka => \@brokers };
    my @proxy_ports = map { $self->{proxy}->port($_) } @brokers;
    my $properties = "log.segment.bytes=16777216\nlog.initial.task.delay.ms=1000\n";
    $self->{kafka} = $options{cluster}
        ? Outbox::KafkaCluster->new(inner_ports => \@inner_ports, proxy_ports => \@proxy_ports, properties => $properties)
        : Outbox::Kafka->new(inner_port => $inner_ports[0], proxy_port => $proxy_ports[0], data => $self->{data}, inside => $self->{inside},
            properties => $properties);
    $self->{relay_brokers} = join ',', map { "127.0.0.1:$_" } @proxy_ports;
    $self->{kafka}->start;
    $self->create_topic($_, $options{topics}{$_}) for sort keys %{ $options{topics} };
    $self->_set_up;
    return $self;
}

sub node { return $_[0]{node} }
sub kafka { return $_[0]{kafka} }
sub proxy { return $_[0]{proxy} }

# One of the brokers, or the only one.
sub broker { my ($self, $id) = @_; return $self->{options}{cluster} ? $self->{kafka}->node($id) : $self->{kafka} }

# The names of the proxy's links to PostgreSQL ("pg") or to all brokers ("kafka").
sub links { my ($self, $end) = @_; return @{ $self->{links}{$end} } }
sub next_node_name { my ($self) = @_; return 'node' . ++$self->{nodes} }

# A promoted standby takes the place of the primary, for writers and relays alike.
sub replace_node {
    my ($self, $node) = @_;
    $self->{node} = $node;
    $self->{proxy}->command('pg', 'target', $node->port);
    return;
}

sub create_topic {
    my ($self, $name, $topic) = @_;
    $self->{kafka}->create_topic($name, $topic->{partitions}, _topic_settings($topic->{max_bytes}));
    return;
}

# Changes how large its batches may be, and what else is named.
sub configure_topic {
    my ($self, $name, $max_bytes, @others) = @_;
    return $self->{kafka}->configure_topic($name, _topic_settings($max_bytes), @others);
}

# Kafka's own clock stamps the records, for the samples of the slot are compared with it.
sub _topic_settings {
    my ($max_bytes) = @_;
    return ('message.timestamp.type=LogAppendTime', $max_bytes ? "max.message.bytes=$max_bytes" : ());
}

# A small file system of its own for the broker's records, in a namespace where we are root. Undef where the kernel forbids that.
sub _make_disk {
    my ($self) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('disk');
    my $holder = Outbox::Process->spawn(
        name => 'disk', stdout => "$folder.log", stderr => "$folder.log", command => [ qw(unshare --user --map-root-user --mount sh -c),
            'mount -t tmpfs -o "size=$0m" outbox "$1" && echo mounted && exec sleep infinity', $disk_mb, $folder ]);
    wait_until { slurp("$folder.log") =~ /mounted/ || !$holder->alive } 'the small disk is mounted', 20;
    return if !$holder->alive;
    $self->{data} = "$folder/data";
    $self->{inside} = [ qw(nsenter --preserve-credentials --user --mount --target), $holder->pid ];
    $self->{disk} = { holder => $holder, folder => $folder };
    return;
}

# Runs a shell command where the broker's disk is.
sub on_disk {
    my ($self, $command) = @_;
    return system(@{ $self->{inside} }, 'sh', '-c', "cd '$self->{disk}{folder}' && $command") == 0;
}

sub has_disk { return defined $_[0]{disk} }

sub _set_up {
    my ($self) = @_;
    my @kafka = $self->{delivery} eq 'exactly-once' ? ('--delivery', 'exactly-once', '--brokers', $self->{kafka}->brokers) : ();
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $self->{node}->connstr('postgres'), @kafka);
    die "setup ends with $code: $err" if $code ne '0';
    create_slot($self->{node}, 'witness', 'outbox');    # in both forms, so that the observer reads one kind of stream
    return;
}

# The relay logs in by a password, out of a file that it is told to read at each connection.
sub _give_password {
    my ($self) = @_;
    $self->{password_file} = PostgreSQL::Test::Utils::tempdir('password') . '/pgpass';
    my $rules = $self->{node}->data_dir . '/pg_hba.conf';
    my $old = slurp($rules);
    unlink $rules;
    PostgreSQL::Test::Utils::append_to_file($rules, "host all relay 127.0.0.1/32 scram-sha-256\n$old");
    $self->{node}->reload;
    $self->change_password('first');
    $self->write_password('first');
    return;
}

# The server's side of it, and the relay's.
sub change_password { my ($self, $word) = @_; $self->{node}->safe_psql('postgres', "ALTER ROLE relay PASSWORD '$word'"); return }

sub write_password {
    my ($self, $word) = @_;
    my $file = $self->{password_file};
    unlink $file;
    PostgreSQL::Test::Utils::append_to_file($file, "*:*:*:*:$word\n");
    chmod 0600, $file or die "chmod: $!\n";
    return;
}

# ---- relays ---------------------------------------------------------------------------------------------------------

# The relay of this name, from now on restarted by a supervisor. env and arguments: of this start (and the supervisor's).
sub start_relay {
    my ($self, $name, $env, @arguments) = @_;
    my $relay = $self->{relays}{$name} = Outbox::Relay->new(
        $self->{node}, name => $name, program => $self->{options}{program}, env => $env,
        dsn => 'host=127.0.0.1 port=' . $self->{proxy}->port('pg') . " dbname=postgres passfile=$self->{password_file}", kafka => $self->{relay_brokers},
        args => [ '--delivery', $self->{delivery}, '--shutdown-grace-ms', 3000, @arguments ]);
    $relay->start;
    $self->{wanted}{$name} = 1;
    return $relay;
}

sub relay { my ($self, $name) = @_; return $self->{relays}{$name} }

# From now on it may end.
sub release_relay { my ($self, $name) = @_; delete $self->{wanted}{$name}; return }

sub stop_relays {
    my ($self) = @_;
    $self->release_relay($_) for keys %{ $self->{wanted} };
    return map { $_->alive ? $_->terminate(30) : () } values %{ $self->{relays} };
}

# What a supervisor does: starts what ended by itself, and says so.
sub supervise {
    my ($self) = @_;
    my @ended;
    for my $name (sort keys %{ $self->{wanted} }) {
        my $relay = $self->{relays}{$name};
        next if $relay->alive;
        push @ended, "$name ended by itself with " . $relay->wait_for_exit(1) . ': ' . ((split /\n/, $relay->log)[-1] // '');
        $relay->start;
    }
    return @ended;
}

# How often relays began to stream, ever.
sub sessions {
    my ($self) = @_;
    return scalar map { $_->whole_log =~ /streaming from slot/g } values %{ $self->{relays} };
}

sub peak_memory_kb {
    my ($self) = @_;
    my ($most) = sort { $b <=> $a } 0, map { eval { $_->alive ? $_->peak_memory_kb : 0 } // 0 } values %{ $self->{relays} };
    return $most;
}

1;
