# The methods of clients and operators for a broker or a cluster: topics, records, rules, passwords. Outbox::Kafka and Outbox::KafkaCluster inherit
# them, and supply the addresses (brokers, _plain_brokers) and the commands of Kafka's tools (_java, _java_command).
package Outbox::KafkaClient;

use strict;
use warnings;

use Carp qw(croak);
use IPC::Run ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Outbox::Process qw(slurp);

sub create_topic {
    my ($self, $name, $partitions, @config) = @_;
    return $self->_client('create-topic', $name, $partitions // 1, @config);
}

# Creates this many topics, whose names are the prefix and a number from 0 on.
sub create_topics {
    my ($self, $prefix, $count, $partitions) = @_;
    return $self->_client('create-topics', $prefix, $count, $partitions // 1);
}

# Gives the topic these settings, and the defaults of all others.
sub configure_topic { my ($self, $name, @config) = @_; return $self->_client('configure-topic', $name, @config) }

# Denies a topic to all users but one, or allows it again.
sub reserve_topic { my ($self, $name, $user) = @_; return $self->_acl('--add', $name, $user) }
sub free_topic { my ($self, $name, $user) = @_; return $self->_acl('--remove', '--force', $name, $user) }

sub _acl {
    my ($self, @change) = @_;
    my ($name, $user) = splice @change, -2;
    return $self->change_rules(@change, '--allow-principal', "User:$user", '--operation', 'Write', '--operation', 'Describe', '--topic', $name);
}

# Runs kafka-acls.sh with these arguments.
sub change_rules {
    my ($self, @change) = @_;
    my $tool = $self->_java('org.apache.kafka.tools.AclCommand', '--bootstrap-server', $self->_plain_brokers, @change);
    croak "cannot change the rules: " . slurp($self->{log}) if $tool->wait_for_exit(180) ne '0';
    return;
}

# Changes the password of a user of SCRAM-SHA-256. Returns the process that does it.
sub begin_password_change {
    my ($self, $user, $word) = @_;
    return $self->_java('kafka.admin.ConfigCommand', '--bootstrap-server', $self->_plain_brokers, qw(--alter --entity-type users --entity-name), $user,
        '--add-config', "SCRAM-SHA-256=[password=$word]");
}

# Aborts, as an operator does, a Kafka transaction that the coordinator has forgotten, in this topic's only partition.
sub abort_hanging {
    my ($self, $topic) = @_;
    my @partition = ('--topic', $topic, '--partition', 0);
    my ($start) = $self->_transactions('describe-producers', @partition) =~ /\s(\d+)\s*$/ or croak "no open transaction in $topic";
    $self->_transactions('abort', @partition, '--start-offset', $start);
    return;
}

sub _transactions {
    my ($self, @command) = @_;
    my @java = $self->_java_command('org.apache.kafka.tools.TransactionsCommand', '--bootstrap-server', $self->_plain_brokers, @command);
    my ($out, $err) = ('', '');
    IPC::Run::run(\@java, '<', \'', '>', \$out, '2>', \$err) or croak "@command: $out$err";
    return $out;
}

# Writes a record without headers, with Kafka's own producer, as an operator would.
sub produce {
    my ($self, $topic, $key, $value) = @_;
    my @java = $self->_java_command('org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', $self->brokers, '--topic', $topic,
        qw(--property parse.key=true --property key.separator=|));
    my ($out, $err) = ('', '');
    IPC::Run::run(\@java, '<', \"$key|$value\n", '>', \$out, '2>', \$err) or croak "cannot produce to $topic: $out$err";
    return;
}

sub delete_topic { my ($self, $name) = @_; return $self->_client('delete-topic', $name) }

# Adds partitions until the topic has this number.
sub add_partitions { my ($self, $name, $count) = @_; return $self->_client('add-partitions', $name, $count) }

# The node that leads a topic's first partition; undef where the topic does not exist.
sub leader { my ($self, $topic) = @_; return ($self->_client('leaders', $topic) =~ m{/0 (\d+)$}m)[0] }

# The end offsets of the partitions of topics, as text; and of a topic with one partition, as a number.
sub ends { my ($self, @topics) = @_; return $self->_client('ends', @topics) }
sub end_of { my ($self, $topic) = @_; return ($self->ends($topic) =~ /(\d+)\s*\z/)[0] }

# Deletes the records of the topics, whose consumers have read them.
sub trim { my ($self, @topics) = @_; return $self->_client('trim', @topics) }

sub _client {
    my ($self, @arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ $ENV{OUTBOX_KAFKA_CLIENT}, $self->brokers, @arguments ], '<', \'', '>', \$out, '2>', \$err)
        or croak "kafka-client @arguments: $err" . ($self->alive ? '' : $self->log);
    return $out;
}

# Every record of the topics: hashes of topic, partition, offset, timestamp, key, value and headers ([name, value], ...). Keys, values and headers are
# bytes, or undef.
sub consume {
    my ($self, @topics) = @_;
    my @records;
    $self->for_each_record(sub { push @records, $_[0] }, @topics);
    return @records;
}

# The same, one record at a time, for large topics.
sub for_each_record {
    my ($self, $visit, @topics) = @_;
    open my $lines, '-|', $ENV{OUTBOX_KAFKA_CLIENT}, $self->brokers, 'consume', @topics or croak "kafka-client: $!";
    while (my $line = <$lines>) {
        $visit->(_record($line));
    }
    close $lines or croak "kafka-client consume @topics failed";
    return;
}

# Parses a line without escapes, as nearly all are, without a JSON parser, which is ten times as fast.
my $string = qr/null|"[^"]*"/;
my $plain = qr/^\{"topic":"(.*?)","partition":(\d+),"offset":(\d+),"timestamp":(-?\d+),
    "key":($string),"value":($string),"headers":\[((?:,?\["[^"]*",(?:$string)\])*)\]\}$/x;

sub _record {
    my ($line) = @_;
    my %record;
    if (index($line, '\\') < 0 && $line =~ $plain) {
        @record{qw(topic partition offset timestamp)} = ($1, $2, $3, $4);
        my $headers = $7;
        @record{qw(key value)} = map { $_ eq 'null' ? undef : substr($_, 1, -1) } $5, $6;
        push @{ $record{headers} }, [ $1, $2 ] while $headers =~ /\["([^"]*)",(?:null|"([^"]*)")\]/g;
    }
    else {
        my $value = $line =~ s/,"value":"([^"]*)"/,"value":null/ ? $1 : undef;    # a long value without escapes does not go through JSON::PP
        %record = %{ JSON::PP->new->decode($line) };
        $record{value} = $value;
        $record{key} = decode_base64(delete $record{key_base64}) if exists $record{key_base64};
        $record{headers} = [ map { [ $_->[0], @$_ > 2 ? decode_base64($_->[2]) : $_->[1] ] } @{ $record{headers} } ];
    }
    $record{headers} //= [];
    $record{value} = decode_base64($record{value}) if defined $record{value};
    return \%record;
}

1;
