# An Apache Kafka of one node in KRaft mode, for one test: with free ports and a temporary folder, both released at the end of the test.
# Outbox::KafkaCluster has three nodes. OUTBOX_KAFKA_LIBS is the folder of Kafka's jars, OUTBOX_KAFKA_CLIENT the program that creates and reads topics.
package Outbox::Kafka;

use strict;
use warnings;

use parent 'Outbox::KafkaClient';

use Carp qw(croak);
use File::Basename qw(basename dirname);
use File::Copy qw(copy);
use Outbox::Process qw(wait_until slurp);
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my $log4j = dirname(__FILE__) . '/../kafka/log4j2.properties';
my @small_java = qw(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto);

my $cluster_id = 'MkU3OEVBNTcwNTJENDM2Qg';

# With the two broker.* lines a crashed broker serves again within seconds; the default session timeout would fence it for ten.
sub _properties {
    my ($self) = @_;
    my $cluster = $self->{cluster};
    my @listeners = ("PLAINTEXT://127.0.0.1:$self->{port}", @{ $self->{listeners} });
    my @advertised = @listeners;
    push @listeners, "CONTROLLER://127.0.0.1:$self->{controller}";
    push @advertised, 'CONTROLLER://' . ($cluster ? "$cluster->{controller}:$self->{controller}" : "127.0.0.1:$self->{controller}");
    if ($cluster) {
        push @listeners, "INTERNAL://127.0.0.1:$self->{internal}";
        push @advertised, "INTERNAL://$cluster->{internal}:$self->{internal}";
    }
    my $tls = Outbox::Tls::everywhere();
    my $proxied = $self->{proxied_protocol} // ($tls ? 'SSL' : 'PLAINTEXT');
    my $settings = '';
    if ($tls) {
        push @$_, "SECURED://127.0.0.1:$self->{secured_port}" for \@listeners, \@advertised;
        $settings .= $tls->kafka_listener_settings($_, $tls->{server}) for qw(SECURED PROXIED);
    }
    if ($self->{inner_port}) {
        push @listeners, "PROXIED://127.0.0.1:$self->{inner_port}";
        push @advertised, "PROXIED://$self->{proxy_host}:$self->{proxy_port}";
    }
    my ($id, $replicas, $in_sync) = $cluster ? ($cluster->{id}, 3, 2) : (1, 1, 1);
    my $voters = $cluster ? $cluster->{voters} : "1\@127.0.0.1:$self->{controller}";
    my $internal = $cluster ? 'INTERNAL' : 'PLAINTEXT';
    local $" = ',';
    return <<"END";
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$voters
listeners=@listeners
advertised.listeners=@advertised
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SSL,INTERNAL:PLAINTEXT,PROXIED:$proxied$self->{protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=$internal
log.dirs=$self->{data}
metadata.log.dir=$self->{folder}/metadata
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
$settings
END
}

my $authorizer = <<'END';
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
END

# new(options): reserves free ports; the broker does not run yet. The options:
# acls => 1: an authorizer, which allows what no rule is about. java => [...]: the command for Java, instead of one for a small and quick start.
# listeners: listeners beside the plain one, such as MINE://127.0.0.1:PORT; protocols: their protocols, such as ',MINE:SASL_SSL'.
# scram: users, in the form of the storage tool's --add-scram.
# inner_port and proxy_port: a second listener, whose clients are sent to the proxy's port, at proxy_host (127.0.0.1) and by proxied_protocol.
# data: another folder for the records; inside: a command that runs the broker where that folder is.
# cluster: { id, voters, controller and internal (host names of this node), hosts (this node's file of host names) }.
sub new {
    my ($class, %options) = @_;
    for my $variable (qw(OUTBOX_KAFKA_LIBS OUTBOX_KAFKA_CLIENT)) {
        croak "$variable is not set" if !$ENV{$variable};
    }
    my $tls = Outbox::Tls::everywhere();
    $ENV{KAFKA_CLIENT_PROPERTIES} = join "\n", $tls->kafka_client_properties if $tls;
    my $folder = PostgreSQL::Test::Utils::tempdir('kafka');
    my $cluster = $options{cluster};
    my $name = $cluster ? "kafka$cluster->{id}" : 'kafka';
    my $self = bless {
        (map { $_ => $options{$_} // PostgreSQL::Test::Cluster::get_free_port() } qw(port controller internal)),
        log => "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.t') . "_$name.log",
        cluster => $cluster,
        folder => $folder,
        java => $options{java} // \@small_java,
        config => "$folder/server.properties",
        data => $options{data} // "$folder/data",
        inside => $options{inside} // [],
        listeners => $options{listeners} // [],
        scram => $options{scram} // [],
        protocols => $options{protocols} // '',
        secured_port => PostgreSQL::Test::Cluster::get_free_port(),
        proxy_host => $options{proxy_host} // '127.0.0.1',
        map({ $_ => $options{$_} } qw(inner_port proxy_port proxied_protocol)),
    }, $class;
    PostgreSQL::Test::Utils::append_to_file($self->{config},
        $self->_properties . ($options{acls} ? $authorizer : '') . ($options{properties} // ''));
    return $self;
}

# The address for clients: with TLS=1 a listener of their own, while Java's tools use the plain listener.
sub brokers { my ($self) = @_; return '127.0.0.1:' . ($ENV{TLS} ? $self->{secured_port} : $self->{port}) }
sub _plain_brokers { return "127.0.0.1:$_[0]{port}" }

# Starts the broker, and returns when the broker serves. The first start formats the storage.
sub start {
    my ($self) = @_;
    $self->launch;
    $self->wait_until_ready;
    return $self;
}

# Starts the broker without waiting.
sub launch {
    my ($self) = @_;
    $self->_format if !-d "$self->{folder}/metadata";
    $self->{process} = $self->_java('kafka.Kafka', $self->{config});
    return;
}

sub wait_until_ready { return $_[0]->_client('ready', 180) } # Java is slow on a busy machine

# Starts a process that ends when every partition has a leader ("ready") or all its replicas ("in-sync").
sub begin_waiting {
    my ($self, $state) = @_;
    return Outbox::Process->spawn(
        name => 'kafka-client', command => [ $ENV{OUTBOX_KAFKA_CLIENT}, $self->brokers, $state // 'ready', 60 ], stdout => '/dev/null',
        stderr => '/dev/null');
}

sub alive { return $_[0]{process}->alive }
sub pid { return $_[0]{process}->pid }
sub log { return slurp($_[0]{log}) }

sub _format {
    my ($self) = @_;
    return if !@{ $self->{scram} } && !@{ $self->{inside} } && !$self->{cluster} && $self->_copy_format;
    my $tool = $self->_java('kafka.tools.StorageTool', 'format', '-t', $cluster_id, '-c', $self->{config}, map { ('--add-scram', $_) } @{ $self->{scram} });
    croak 'cannot format: ' . slurp($self->{log}) if $tool->wait_for_exit(180) ne '0';
    return;
}

# A run of many tests starts Kafka once before them (warm_up.pl), and keeps in OUTBOX_KAFKA_WARM two files that make later starts quick: an archive of
# Java's classes, and the records with which a formatted storage begins.
sub _warm {
    my ($file) = @_;
    my $path = ($ENV{OUTBOX_KAFKA_WARM} // '') . "/$file";
    return -e $path ? $path : undef;
}

# Formats the storage as Kafka's storage tool does. Each folder has an ID of its own, 16 bytes as 22 characters of base64.
sub _copy_format {
    my ($self) = @_;
    my $checkpoint = _warm('bootstrap.checkpoint') or return 0;
    my %id = ("$self->{folder}/metadata" => $self->{controller}, $self->{data} => $self->{port});
    for my $folder (keys %id) {
        my $id = sprintf '%021dA', $id{$folder};
        mkdir $folder;
        copy($checkpoint, $folder) or croak "$folder: $!";
        PostgreSQL::Test::Utils::append_to_file("$folder/meta.properties", "version=1\ncluster.id=$cluster_id\nnode.id=1\ndirectory.id=$id\n");
    }
    return 1;
}

# Starts Kafka, waits until it serves, ends it, and leaves the two files in the folder.
sub warm_up {
    my ($self) = @_;
    my $classes = "$ENV{OUTBOX_KAFKA_WARM}/classes.jsa";
    $self->_format;
    copy("$self->{folder}/metadata/bootstrap.checkpoint", $ENV{OUTBOX_KAFKA_WARM}) or croak "bootstrap.checkpoint: $!";
    $self->{process} = $self->_java("-XX:ArchiveClassesAtExit=$classes.new", 'kafka.Kafka', $self->{config});
    $self->wait_until_ready;
    $self->create_topic('orders');
    $self->{process}->signal('TERM');
    $self->{process}->wait_for_exit(200);    # Java writes the archive at its end
    return rename "$classes.new", $classes;
}

sub _java_command {
    my ($self, @arguments) = @_;
    my @hosts = $self->{cluster} ? "-Djdk.net.hosts.file=$self->{cluster}{hosts}" : ();
    my $classes = _warm('classes.jsa');
    my @classes = $classes && grep({ $_ eq '-XX:+UseSerialGC' } @{ $self->{java} }) ? "-XX:SharedArchiveFile=$classes" : ();
    return (@{ $self->{inside} }, @{ $self->{java} }, @classes, @hosts, "-Dlog4j2.configurationFile=$log4j", '-cp', "$ENV{OUTBOX_KAFKA_LIBS}/*", @arguments);
}

sub _java {
    my ($self, @arguments) = @_;
    return Outbox::Process->spawn(
        command => [ $self->_java_command(@arguments) ], name => 'kafka', stdout => $self->{log}, stderr => $self->{log});
}

# Whether the broker keeps partitions of the topic. It answers that a topic is deleted before it has let go of the partitions, and until then it takes
# records for them, which go with the topic.
sub keeps {
    my ($self, $topic) = @_;
    open my $list, '-|', @{ $self->{inside} }, 'ls', $self->{data} or croak "ls: $!";
    my $count = grep { /^\Q$topic\E-\d+$/ } <$list>;
    close $list or croak "ls $self->{data}: $?";
    return $count > 0;
}

sub stop {
    my ($self) = @_;
    $self->{process}->signal('TERM');
    return $self->{process}->wait_for_exit(180);
}

sub kill_nine { return $_[0]{process}->kill_nine }
sub signal { my ($self, $signal) = @_; return $self->{process}->signal($signal) }
sub pause { return $_[0]{process}->signal('STOP') }
sub resume { return $_[0]{process}->signal('CONT') }

1;
