# PostgreSQL and Kafka for one case, in temporary folders, with the settings of a small production server rather than of a test. Every measurement has
# slots and topics of its own.
package Bench::Server;

use strict;
use warnings;

use Bench::Session;
use File::Path qw(remove_tree);
use Outbox::Kafka;
use Outbox::Node qw(outbox_node);
use Outbox::Process qw(slurp wait_until);
use Outbox::Proxy;

my $settings = <<'END';
listen_addresses = '127.0.0.1'
max_connections = 100
max_replication_slots = 40
max_wal_senders = 40
shared_buffers = 256MB
max_wal_size = 16GB
checkpoint_timeout = 30min
wal_log_hints = off
fsync = on
log_replication_commands = off
END

# Java's options in Kafka's own start script.
my @java = qw(java -Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35);

# By default a broker removes the files of a deleted topic a minute later, which takes half a second of CPU for a gigabyte, in the middle of another
# measurement. Without any delay the broker's scheduler would run without a pause.
my $delete_soon = "log.segment.delete.delay.ms=1000\n";

my $partitions = 6;
my (@running, $count);

# start(kafka => 0): without a broker. proxy => 1: measured programs reach the broker through a proxy, whose link is called "broker".
sub start {
    my ($class, %options) = @_;
    my $node = outbox_node('bench' . ++$count, conf => $settings);
    if (Outbox::Node::has_plugin_list()) {
        $node->append_conf('postgresql.conf', q{output_plugin_libraries = 'pgoutput, test_decoding, wal2json, outbox, outbox_no_filter, outbox_nothing'});
        $node->reload;
    }
    my $self = bless { node => $node, copies => 0 }, $class;
    push @running, $self;
    $self->{session} = Bench::Session->new($node->connstr('postgres'));
    $self->sql("CREATE PUBLICATION $_") for qw(nothing outbox);    # pgoutput needs a publication, and the relay's is called outbox; messages belong to no publication
    my @ports = $options{proxy} ? $self->_start_proxy : ();
    $self->{kafka} = Outbox::Kafka->new(java => \@java, properties => $delete_soon, @ports)->start if $options{kafka} // 1;
    return $self;
}

sub _start_proxy {
    my ($self) = @_;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    $self->{proxy} = Outbox::Proxy->new(broker => $port);
    $self->{proxy}->command(broker => hold => 256 << 20);    # a long round trip has many bytes on their way
    return (inner_port => $port, proxy_port => $self->{proxy}->port('broker'));
}

# Ends what a case has started, and deletes its files, so that the next case has the machine and the disk for itself.
sub stop_all {
    for my $server (splice @running) {
        $server->{session}->close if $server->{session};
        $server->{node}->stop('immediate');
        $server->{kafka}->kill_nine if $server->{kafka};
        remove_tree($server->{node}->basedir, $server->{kafka} ? $server->{kafka}{folder} : ());
    }
    return;
}

sub node { return $_[0]{node} }
sub postmaster { return Outbox::Node::postmaster($_[0]{node}) }
sub proxy { return $_[0]{proxy} }
sub brokers { my ($self) = @_; return $self->{proxy} ? '127.0.0.1:' . $self->{proxy}->port('broker') : $self->{kafka}->brokers }
sub broker_pid { return $_[0]{kafka} ? $_[0]{kafka}{process}->pid : undef }
sub sql { my ($self, $query) = @_; return $self->{session}->query($query) }

# The connection string over TCP, as relays connect in production.
sub dsn {
    my ($self, $user) = @_;
    return 'host=127.0.0.1 port=' . $self->{node}->port . ' dbname=postgres user=' . ($user // 'relay');
}

# Creates the slot `base`, and commits a number of events with payloads of this size, a number of them in each transaction, by outbox.emit or by a
# function (`emit`) with the same arguments, to `topic` or to the topic that an SQL expression of `n` gives (`topic_of`). Returns the shape with the
# target: the end of the last transaction.
sub backlog {
    my ($self, %shape) = @_;
    $self->drop_slots;
    $self->sql('CHECKPOINT');
    $self->sql(q{SELECT pg_create_logical_replication_slot('base', 'outbox')});
    $self->sql('SET synchronous_commit = off');
    $self->sql(_emit_all(%shape));
    my $target = $self->sql('SELECT pg_current_wal_insert_lsn()');
    $self->sql('SET synchronous_commit = on');
    $self->sql('SELECT txid_current()');    # a later commit flushes everything before it
    return { %shape, target => $target };
}

sub _emit_all {
    my (%shape) = @_;
    my ($events, $per_transaction, $bytes) = @shape{qw(events per_transaction bytes)};
    my ($function, $topic) = ($shape{emit} // 'outbox.emit', $shape{topic_of} // "'$shape{topic}'");
    my $digits = length $events;
    my $pad = $bytes - length('{"n":,"pad":""}') - $digits;
    my $emit = qq[$function($topic, n % 1000, format('{"n":%s,"pad":"%s"}', lpad(n::text, $digits, '1'), pad))];
    my $transaction = $per_transaction == 1
        ? "n := t; PERFORM $emit;"
        : "PERFORM count($emit) FROM generate_series(t * $per_transaction, (t + 1) * $per_transaction - 1) AS n;";
    my $last = int($events / $per_transaction) - 1;
    my $declared = $per_transaction == 1 ? 'n bigint;' : '';
    return "DO \$\$ DECLARE pad text := repeat('x', $pad); $declared BEGIN FOR t IN 0 .. $last LOOP $transaction COMMIT; END LOOP; END \$\$";
}

# Copies the slot `base`, on request for another plugin, and returns the copy's name. A session of its own does it, because one process cannot load
# two builds of the plugin.
sub copy_slot {
    my ($self, $plugin) = @_;
    my $name = 'outbox_copy_' . ++$self->{copies};    # the name that a relay demands of a slot of pgoutput
    $plugin //= 'outbox';
    $self->{node}->safe_psql('postgres', "SELECT pg_copy_logical_replication_slot('base', '$name', false, '$plugin')");
    return $name;
}

# The PID of the walsender of a slot; empty while there is none.
sub walsender {
    my ($self, $slot) = @_;
    return $self->sql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'");
}

sub drop_slot {
    my ($self, $slot) = @_;
    my $deadline = time + 60;
    while ($self->walsender($slot)) {
        die "slot $slot stays in use\n" if time > $deadline;
        select undef, undef, undef, 0.02;
    }
    $self->sql("SELECT pg_drop_replication_slot('$slot')");
    return;
}

sub drop_slots {
    my ($self) = @_;
    $self->sql('SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots');
    return;
}

# Creates an empty topic of this name; the files of an earlier topic of the name are deleted.
sub fresh_topic {
    my ($self, $name, $count, @config) = @_;
    if (delete $self->{topics}{$name}) {
        $self->{kafka}->delete_topic($name);
        wait_until { !glob "$self->{kafka}{data}/$name-*" } "the files of topic $name stay";
    }
    return $self->topic($name, $count, @config);
}

# Creates a topic of this name, or keeps the existing one with its records.
sub topic {
    my ($self, $name, $count, @config) = @_;
    return if $self->{topics}{$name}++;
    $self->{kafka}->create_topic($name, $count // $partitions, @config);
    return;
}

# Creates topics whose names are a prefix and a number from 0 on.
sub topics {
    my ($self, $prefix, $count, $partitions) = @_;
    return if $self->{topics}{$prefix}++;
    $self->{kafka}->create_topics($prefix, $count, $partitions);
    return;
}

# Deletes those topics. The broker removes their files a minute later.
sub remove_topics {
    my ($self, $prefix, $count) = @_;
    delete $self->{topics}{$prefix} or return;
    $self->{kafka}->delete_topic("$prefix$_") for 0 .. $count - 1;
    return;
}

1;
