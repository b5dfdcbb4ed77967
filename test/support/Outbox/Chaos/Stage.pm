# The processes of a chaos run: PostgreSQL (and at times a standby), Kafka, the relays, and the proxy between them. The stage starts them;
# Outbox::Chaos::Faults has the faults that hit them.
package Outbox::Chaos::Stage;

use strict;
use warnings;

use Outbox::Chaos::Secrets;
use Outbox::Kafka;
use Outbox::KafkaCluster;
use Outbox::Names;
use Outbox::Node;
use Outbox::Process qw(wait_until slurp);
use Outbox::Proxy;
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my $disk_mb = 768;
my %host = (pg => 'pg.test', kafka => 'kafka.test');    # the proxy's host names in the relay's settings

# The server ends the session of a silent relay after three seconds, keeps the WAL that a standby with copied slots needs, and bounds the WAL's disk space
# however long a run is.
my $settings = <<'END';
listen_addresses = '127.0.0.1'
wal_sender_timeout = 3s
wal_keep_size = 512MB
max_wal_size = 1GB
max_replication_slots = 10
autovacuum_naptime = 5s
checkpoint_timeout = 30s
log_min_messages = warning
END

# new(delivery, program => the relay, topics => {name => {...}}, cluster => 1 for three brokers): starts all but a relay, and creates the slot.
sub new {
    my ($class, $delivery, %options) = @_;
    my $self = bless { delivery => $delivery, options => \%options, relays => {}, exits => [], nodes => 0 }, $class;
    $self->{node} = outbox_node($self->next_node_name, conf => $settings, plugins => 'outbox');
    $self->{names} = Outbox::Names->new;
    $self->{secrets} = Outbox::Chaos::Secrets->new(host => \%host);
    $self->{secrets}->set_up_server($self->{node});
    $self->_make_disk if !$options{cluster};
    $self->_make_kafka;
    $self->{kafka}->start;
    $self->create_topic($_, $options{topics}{$_}) for sort keys %{ $options{topics} };
    $self->_set_up;
    return $self;
}

# Makes one broker or three, behind the proxy.
sub _make_kafka {
    my ($self) = @_;
    my @brokers = $self->{options}{cluster} ? map({ "kafka$_" } 1 .. 3) : 'kafka';
    my @inner_ports = map { PostgreSQL::Test::Cluster::get_free_port() } @brokers;
    $self->{proxy} = Outbox::Proxy->new(pg => $self->{node}->port, map { $brokers[$_] => $inner_ports[$_] } 0 .. $#brokers);
    $self->{links} = { pg => ['pg'], kafka => \@brokers };
    my @proxy_ports = map { $self->{proxy}->port($_) } @brokers;
    my %options = (proxy_host => $host{kafka}, $self->{secrets}->kafka_options);
    $options{properties} .= "log.segment.bytes=16777216\nlog.initial.task.delay.ms=1000\n";
    $self->{kafka} = $self->{options}{cluster}
        ? Outbox::KafkaCluster->new(inner_ports => \@inner_ports, proxy_ports => \@proxy_ports, %options)
        : Outbox::Kafka->new(inner_port => $inner_ports[0], proxy_port => $proxy_ports[0], data => $self->{data}, inside => $self->{inside}, %options);
    $self->{relay_brokers} = join ',', map { "$host{kafka}:$_" } @proxy_ports;
    return;
}

sub node { return $_[0]{node} }
sub major { return $_[0]{node}->pg_version->major }
sub kafka { return $_[0]{kafka} }
sub proxy { return $_[0]{proxy} }
sub names { return $_[0]{names} }
sub host_names { return sort values %host }
sub secrets { return $_[0]{secrets} }

# The broker of this number, or the only broker.
sub broker { my ($self, $id) = @_; return $self->{options}{cluster} ? $self->{kafka}->node($id) : $self->{kafka} }

sub broker_ids { my ($self) = @_; return $self->{options}{cluster} ? (1 .. 3) : 1 }

# The names of the proxy's links to PostgreSQL ("pg") or to all brokers ("kafka").
sub links { my ($self, $end) = @_; return @{ $self->{links}{$end} } }
sub reset_links { my ($self, @ends) = @_; $self->{proxy}->command($_, 'reset') for map { $self->links($_) } @ends; return }
sub next_node_name { my ($self) = @_; return 'node' . ++$self->{nodes} }

# A promoted standby takes the place of the primary, for writers and relays alike.
sub replace_node {
    my ($self, $node) = @_;
    $self->{node} = $node;
    $self->{proxy}->command('pg', 'target', $node->port);
    return;
}

# Creates a topic that Outbox::Chaos::Writers describes: partitions, max_bytes, settings.
sub create_topic {
    my ($self, $name, $topic) = @_;
    $self->{kafka}->create_topic($name, $topic->{partitions}, _topic_settings($topic->{max_bytes}), @{ $topic->{settings} // [] });
    return;
}

# Changes the topic's limit of a batch, and the other named settings.
sub configure_topic {
    my ($self, $name, $max_bytes, @others) = @_;
    return $self->{kafka}->configure_topic($name, _topic_settings($max_bytes), @others);
}

# Records have the broker's time, with which the checker compares the samples of the slot.
sub _topic_settings {
    my ($max_bytes) = @_;
    return ('message.timestamp.type=LogAppendTime', $max_bytes ? "max.message.bytes=$max_bytes" : ());
}

# Makes a small file system for the broker's records, in a user namespace; makes none where the kernel forbids the namespace.
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

# Runs a shell command in the folder of the broker's disk.
sub on_disk {
    my ($self, $command) = @_;
    return system(@{ $self->{inside} }, 'sh', '-c', "cd '$self->{disk}{folder}' && $command") == 0;
}

sub has_disk { return defined $_[0]{disk} }

sub _set_up {
    my ($self) = @_;
    my @kafka = $self->{delivery} eq 'exactly-once' ? ('--delivery', 'exactly-once', '--brokers', $self->{kafka}->brokers) : ();
    local $Outbox::Relay::call_patience_s = 60;    # three brokers on a busy machine
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $self->{node}->connstr('postgres') . ' sslmode=prefer', @kafka);    # over the Unix socket
    die "setup ends with $code: $err" if $code ne '0';
    create_slot($self->{node}, 'witness', 'outbox');    # in both forms, so that the observer reads one kind of stream
    return;
}

# ---- relays ---------------------------------------------------------------------------------------------------------

# Starts the relay of this name, which supervise() restarts from now on, with the same environment and arguments.
sub start_relay {
    my ($self, $name, $env, @arguments) = @_;
    my $relay = $self->{relays}{$name} = Outbox::Relay->new(
        $self->{node}, name => $name, program => $self->{options}{program}, env => { %{ $env // {} }, $self->{names}->env($env->{LD_PRELOAD}) },
        dsn => "host=$host{pg} port=" . $self->{proxy}->port('pg') . ' dbname=postgres ' . $self->{secrets}->dsn, kafka => $self->{relay_brokers},
        args => [ '--delivery', $self->{delivery}, '--shutdown-grace-ms', 3000, $self->{secrets}->arguments, @arguments ]);
    $relay->start;
    $self->{wanted}{$name} = 1;
    return $relay;
}

sub relay { my ($self, $name) = @_; return $self->{relays}{$name} }

# From now on the relay may end, and supervise() does not restart the relay.
sub release_relay { my ($self, $name) = @_; delete $self->{wanted}{$name}; return }

sub stop_relays {
    my ($self) = @_;
    $self->release_relay($_) for keys %{ $self->{wanted} };
    return map { $_->alive ? $_->terminate(30) : () } values %{ $self->{relays} };
}

# Starts relays that ended by themselves, as a supervisor does, and returns a sentence for each.
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

# The number of times at which relays have begun to send events in order: at the begin of a stream, and where events in flight go again after Kafka has
# refused a batch or a topic.
sub sessions {
    my ($self) = @_;
    return scalar map { $_->whole_log =~ /streaming from slot|batches have at most|waiting for topic/g } values %{ $self->{relays} };
}

sub peak_memory_kb {
    my ($self) = @_;
    my ($most) = sort { $b <=> $a } 0, map { eval { $_->alive ? $_->peak_memory_kb : 0 } // 0 } values %{ $self->{relays} };
    return $most;
}

1;
