# Other relays, as programs for Bench::Drain: a relay in Go with the usual libraries, and Debezium on Kafka Connect, each with its own kind of
# backlog. `make bench PEERS=1` fetches and builds them in build/peers, where it can.
package Bench::Peers;

use strict;
use warnings;

use Exporter qw(import);
use FindBin;
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(set_up go debezium has_go has_debezium);

# Functions with the arguments of outbox.emit: one inserts into the outbox table of Debezium's documentation, one writes the same as a message.
my $events = <<'END';
CREATE TABLE outbox_table(id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload jsonb);
CREATE PUBLICATION outbox_table FOR TABLE outbox_table;
CREATE FUNCTION row_event(topic text, key bigint, payload text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO outbox_table VALUES (gen_random_uuid(), topic, key::text, 'created', payload::jsonb);
    RETURN 1;
END $$;
CREATE FUNCTION message_event(topic text, key bigint, payload text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_logical_emit_message(true, 'peer',
        format('{"id":"%s","aggregatetype":"%s","aggregateid":"%s","type":"created","payload":%s}', gen_random_uuid(), topic, key, payload));
    RETURN 1;
END $$;
END

sub set_up { my ($server) = @_; $server->sql($events); return }

sub _folder { return "$ENV{OUTBOX_BUILD}/peers" }
sub has_go { return -x _folder() . '/go-relay' }
sub has_debezium { return -e _folder() . '/debezium/complete' }

# go(publication, option, ...)
sub go {
    my ($publication, @options) = @_;
    return sub {
        my ($server, $backlog, $slot) = @_;
        my $superuser = getpwuid $<;
        my @command = (_folder() . '/go-relay', '-dsn', $server->dsn($superuser) . ' replication=database', '-slot', $slot, '-pub', $publication,
            '-brokers', $server->brokers, '-topic', $backlog->{topic}, @options);
        return { command => \@command, seen => 'arrived' };
    };
}

# The heap is that of Kafka Connect's own start script.
sub debezium {
    return sub {
        my ($server, $backlog, $slot) = @_;
        my $work = PostgreSQL::Test::Utils::tempdir('debezium');
        my $superuser = getpwuid $<;
        my %values = (WORK => $work, BROKERS => $server->brokers, LISTEN => PostgreSQL::Test::Cluster::get_free_port(), USER => $superuser,
            PLUGINS => _folder() . '/debezium/plugins', PORT => $server->node->port, SLOT => $slot, TOPIC => $backlog->{topic});
        my @properties = map { _fill_in($_, $work, \%values) } qw(worker.properties connector.properties);
        my @command = (qw(java -Xms256M -Xmx2G -XX:+UseG1GC), "-Dlog4j2.configurationFile=$FindBin::RealBin/../support/kafka/log4j2.properties", '-cp',
            _folder() . '/debezium/libs/*', 'org.apache.kafka.connect.cli.ConnectStandalone', @properties);
        return { command => \@command, seen => 'arrived', logs_to_stdout => 1 };
    };
}

sub _fill_in {
    my ($name, $folder, $values) = @_;
    my $text = slurp("$FindBin::RealBin/peers/debezium/$name") =~ s/@(\w+)@/$values->{$1}/gr;
    PostgreSQL::Test::Utils::append_to_file("$folder/$name", $text);
    return "$folder/$name";
}

1;
