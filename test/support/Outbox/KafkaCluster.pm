# An Apache Kafka of three nodes, each broker and controller, with three replicas of which two must be in sync, as in production. The object has the
# methods of Outbox::Kafka; node(N) is one node, which a test can kill, stop and start.
#
# Each node reaches each other node through a link of its own: a node's Java has its own file of host names, and a proxy listens at the addresses in
# it. So a test can cut a node off from the others while clients reach it as before.
package Outbox::KafkaCluster;

use strict;
use warnings;

use parent 'Outbox::Kafka';

use Carp qw(croak);
use IPC::Run ();
use Outbox::Process qw(wait_until);
use Outbox::Proxy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my @ids = (1 .. 3);
my @small_java = qw(java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto);

# A replica that falls behind leaves the set of in-sync replicas within seconds, so a node that is cut off does not hold up writers for half a minute.
my $properties = "replica.lag.time.max.ms=5000\n";

# new(inner_ports => [...], proxy_ports => [...]: of a second listener of each node, whose clients are sent to the proxy's port; what else
# Outbox::Kafka takes)
sub new {
    my ($class, %options) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('kafka-cluster');
    my %port = map { my $id = $_; map { ("$_$id" => PostgreSQL::Test::Cluster::get_free_port()) } qw(controller internal) } @ids;
    my $voters = join ',', map { "$_\@controller$_.test:$port{\"controller$_\"}" } @ids;
    my (%nodes, %links);
    for my $id (@ids) {
        my $hosts = "$folder/hosts$id";
        PostgreSQL::Test::Utils::append_to_file($hosts, "127.0.0.1 localhost\n");
        for my $other (@ids) {
            my $address = $other == $id ? '127.0.0.1' : "127.0.1$id.1$other";
            PostgreSQL::Test::Utils::append_to_file($hosts, "$address controller$other.test internal$other.test\n");
            next if $other == $id;
            $links{"$_-$id-$other"} = [ $address, $port{"$_$other"}, $port{"$_$other"} ] for qw(controller internal);
        }
        $nodes{$id} = Outbox::Kafka->new(
            cluster => { id => $id, voters => $voters, controller => "controller$id.test", internal => "internal$id.test", hosts => $hosts },
            controller => $port{"controller$id"}, internal => $port{"internal$id"}, java => \@small_java,
            inner_port => $options{inner_ports}[ $id - 1 ], proxy_port => $options{proxy_ports}[ $id - 1 ],
            %options, properties => $properties . ($options{properties} // ''));
    }
    return bless { nodes => \%nodes, links => [ sort keys %links ], proxy => Outbox::Proxy->new(%links) }, $class;
}

sub node { my ($self, $id) = @_; return $self->{nodes}{$id} // croak "no node $id" }
sub nodes { my ($self) = @_; return map { $self->{nodes}{$_} } @ids }
sub brokers { my ($self) = @_; return join ',', map { $_->brokers } $self->nodes }
sub _plain_brokers { my ($self) = @_; return join ',', map { $_->_plain_brokers } $self->nodes }
sub launch { my ($self) = @_; $_->launch for $self->nodes; return }
sub wait_until_ready { my ($self) = @_; return $self->_client('ready', 90, scalar @ids) }
sub alive { my ($self) = @_; return !grep { !$_->alive } $self->nodes }
sub keeps { my ($self, $topic) = @_; return grep { $_->keeps($topic) } $self->nodes }
sub log { my ($self) = @_; return join '', map { $_->log } $self->nodes }
sub stop { my ($self) = @_; $_->signal('TERM') for $self->nodes; $_->{process}->wait_for_exit(180) for $self->nodes; return }

# The node that is the active controller.
sub controller {
    my ($self) = @_;
    my ($leader) = $self->_tool('org.apache.kafka.tools.MetadataQuorumCommand', '--bootstrap-server', $self->_plain_brokers, qw(describe --status))
        =~ /^LeaderId:\s+(\d)/m or croak 'no controller leads';
    return $leader;
}

# Gives each partition of a topic these replicas, without waiting until they are in sync. A broker that has just started listens before the controller
# knows it.
sub reassign {
    my ($self, $topic, @replicas) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir('reassign') . '/plan.json';
    local $" = ',';
    my @partitions = map { qq({"topic":"$topic","partition":$_,"replicas":[@{ $replicas[$_] }]}) } 0 .. $#replicas;
    PostgreSQL::Test::Utils::append_to_file($file, qq({"version":1,"partitions":[@partitions]}));
    my @command = ('org.apache.kafka.tools.reassign.ReassignPartitionsCommand', '--bootstrap-server', $self->_plain_brokers,
        '--reassignment-json-file', $file, '--execute');
    wait_until { eval { $self->_tool(@command); 1 } || ($@ !~ /Unknown broker id/ && die $@) } "the controller knows the brokers of topic $topic";
    return;
}

# Cuts a node off from the others, in both directions, while its clients stay connected; and connects it again.
sub isolate { my ($self, $id) = @_; $self->{proxy}->command($_, 'silence', 'both') for $self->_links_of($id); return }
sub join_again { my ($self, $id) = @_; $self->{proxy}->command($_, 'heal') for $self->_links_of($id); return }
sub _links_of { my ($self, $id) = @_; return grep { /-$id\b/ } @{ $self->{links} } }

sub _tool {
    my ($self, @command) = @_;
    my @java = $self->node(1)->_java_command(@command);
    my ($out, $err) = ('', '');
    IPC::Run::run(\@java, '<', \'', '>', \$out, '2>', \$err) or croak "@command: $out$err";
    return $out;
}

1;
