# Ways for a transaction to publish, as SQL: none, an event in the WAL, an event in an outbox table. Each way is a PL/pgSQL function that writes a
# business row and a number of events, so that every transaction is one call and one round trip.
package Bench::Emit;

use strict;
use warnings;

use Bench::Meter qw(children_cpu_s);
use Exporter qw(import);
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(ways set_up pgbench payload fill wal_of_envelopes);

# Name and statement for one event. The outbox table is that of Debezium's documentation.
my $insert = q{INSERT INTO outbox_table(id, aggregatetype, aggregateid, type, payload)
    VALUES (gen_random_uuid(), 'orders', n::text, 'order.created', body::jsonb)};
my @ways = (
    [ nothing => '' ],
    [ 'outbox.emit' => q{PERFORM outbox.emit('orders', n, body, 'order.created');} ],
    [ 'bare pg_logical_emit_message' => q{PERFORM pg_logical_emit_message(true, 'bench', body);} ],
    [ 'table: INSERT' => "$insert;" ],
    [ 'table: INSERT, DELETE' => "$insert RETURNING id INTO written; DELETE FROM outbox_table WHERE id = written;" ],
);

my $tables = <<'END';
CREATE TABLE business(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text);
CREATE TABLE outbox_table(id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload jsonb);
CREATE TABLE payloads(bytes int PRIMARY KEY, body text NOT NULL);
ALTER TABLE payloads ALTER body SET STORAGE PLAIN;
END

sub ways { return map { $_->[0] } @ways }

sub _function { my ($way) = @_; return 'produce_' . $way =~ s/\W+/_/gr }

sub set_up {
    my ($server, @sizes) = @_;
    $server->sql($tables);
    for my $way (@ways) {
        my ($name, $statement) = @$way;
        my $loop = $statement ? "FOR i IN 1 .. events LOOP $statement END LOOP;" : '';
        $server->sql('CREATE FUNCTION ' . _function($name) . "(events int, body text) RETURNS void LANGUAGE plpgsql AS \$\$ DECLARE n bigint; written uuid;"
            . " BEGIN INSERT INTO business(item) VALUES ('Macbook') RETURNING id INTO n; $loop END \$\$");
    }
    $server->sql(sprintf q{INSERT INTO payloads VALUES (%d, '%s')}, $_, payload($_)) for @sizes;
    return;
}

# Lines of an order, as compressible as real ones: repeated names, and values that differ. PostgreSQL compresses values of a table from 2 kB on, and
# never compresses a message in the WAL.
sub payload {
    my ($bytes) = @_;
    my ($text, $seed) = ('{"order":4711,"lines":[', 4711);
    my $random = sub { $seed = ($seed * 1103515245 + 12345) % 2**31; return $seed };
    while (1) {
        my $line = sprintf '{"sku":"%08x%08x","quantity":%d,"price":"%d.%02d"}', $random->(), $random->(), map { 1 + ($random->() >> 8) % $_ } 9, 500, 99;
        last if length($text) + length($line) + length(',],"note":""}') > $bytes;
        $text .= ($text =~ /\[$/ ? '' : ',') . $line;
    }
    $text .= '],"note":"';
    $text .= sprintf '%x', ($random->() >> 8) % 16 while length($text) < $bytes - 2;
    return "$text\"}";
}

# pgbench(server, way, events, bytes, clients, seconds): {latency_us, cpu_us and wal_bytes of a transaction}; the CPU time is that of the backends.
sub pgbench {
    my ($server, $way, %load) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('pgbench');
    my $script = "$folder/script.sql";
    PostgreSQL::Test::Utils::append_to_file($script,
        sprintf "SELECT %s(%d, (SELECT body FROM payloads WHERE bytes = %d));\n", _function($way), @load{qw(events bytes)});
    my @command = (qw(pgbench -n -M prepared -f), $script, '-c', $load{clients}, '-j', $load{clients} > 1 ? 2 : 1, '-T', $load{seconds},
        '-h', $server->node->host, '-p', $server->node->port, '-d', 'postgres');
    my ($before, $cpu_before_s) = ($server->sql('SELECT pg_current_wal_insert_lsn()'), children_cpu_s($server->postmaster));
    my $process = Outbox::Process->spawn(
        command => \@command, stdout => "$folder/out", stderr => "$folder/err", env => { PGOPTIONS => '-c synchronous_commit=off' });
    die "@command:\n" . slurp("$folder/err") if $process->wait_for_exit($load{seconds} + 60) ne '0';
    my $wal_bytes = $server->sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before')");
    sleep 0.2;    # until the postmaster has counted its ended children
    my $cpu_s = children_cpu_s($server->postmaster) - $cpu_before_s;
    my ($transactions) = slurp("$folder/out") =~ /^number of transactions actually processed: (\d+)/m;
    my ($tps) = slurp("$folder/out") =~ /^tps = ([\d.]+)/m;
    return { latency_us => 1e6 * $load{clients} / $tps, cpu_us => 1e6 * $cpu_s / $transactions, wal_bytes => $wal_bytes / $transactions };
}

# Writes this many events, each in a transaction of its own.
sub fill {
    my ($server, $way, $events, $bytes) = @_;
    my $function = _function($way);
    $server->sql('SET synchronous_commit = off');
    my $loop = "FOR i IN 1 .. $events LOOP PERFORM $function(1, body); COMMIT; END LOOP";
    $server->sql("DO \$\$ DECLARE body text := (SELECT p.body FROM payloads p WHERE bytes = $bytes); BEGIN $loop; END \$\$");
    $server->sql('SET synchronous_commit = on');
    return;
}

# Forms of an envelope, as a format() and an id; only the first is the form that emit writes.
my $text_id = 'gen_random_uuid()';
my $base64_id = q{rtrim(translate(encode(uuid_send(gen_random_uuid()), 'base64'), '+/', '-_'), '=')};
my ($names, $letters) = map { sprintf '{"%s":"orders","%s":"%%s","%s":"%%s","%s":"order.created","%s":%%s}', @$_ } [qw(topic key id type payload)], [qw(t k i y p)];
my @envelopes = (
    [ 'as it is' => $names, $text_id ],
    [ 'id in base64' => $names, $base64_id ],
    [ 'names of one letter' => $letters, $text_id ],
    [ 'both' => $letters, $base64_id ],
);

# The WAL bytes of an event with a payload of this size in each form: a list of [name, bytes].
sub wal_of_envelopes {
    my ($server, $bytes) = @_;
    my $events = 10_000;
    my @found;
    for (@envelopes) {
        my ($name, $format, $id) = @$_;
        my $before = $server->sql('SELECT pg_current_wal_insert_lsn()');
        $server->sql(qq[SELECT count(pg_logical_emit_message(true, 'outbox', format('$format', 100000 + n, $id, body)))
            FROM generate_series(1, $events) AS n, payloads WHERE bytes = $bytes]);
        push @found, [ $name, $server->sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$before')") / $events ];
    }
    return @found;
}

1;
