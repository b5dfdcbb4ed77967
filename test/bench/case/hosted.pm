# Hosted: the cost of the hosted form, compared with the extension: a backlog to Kafka, also compared with a bare reader of pgoutput; latency; a
# transaction of very many rows and one event; and an emit in SQL.
package hosted;

use strict;
use warnings;

use Bench::Drain qw(drain relay reader per_event @own_options @pgoutput_options);
use Bench::Latency qw(probe);
use Bench::Result;
use Bench::Server;
use Outbox::Form;

my @shapes = (
    { name => '1/txn 200 B', per_transaction => 1, bytes => 200, events => 200_000 },
    { name => '100/txn 200 B', per_transaction => 100, bytes => 200, events => 500_000 },
);
my ($latency, $bulk, $emit) = ('latency, 500/s', 'rows and an event', 'emit');
my ($rows, $emits, $pause_us) = (1_000_000, 20_000, 200);

my @figures = (
    [ rate => 'events/s', '%.0f' ], [ program_us => 'CPU us', '%.2f' ], [ walsender_us => 'walsender us', '%.2f' ], [ peak_mb => 'peak MB', '%.1f' ],
    [ visible_50 => 'p50 ms', '%.2f' ], [ visible_99 => 'p99 ms', '%.2f' ],
    [ seconds => 'decoding s', '%.2f' ], [ walsender_s => 'walsender CPU s', '%.2f' ], [ walsender_mb => 'walsender peak MB', '%.0f' ], [ emit_us => 'emit us', '%.1f' ],
);

my ($extension, $hosted, $nowhere, $bare) = ('extension: relay to Kafka', 'hosted: relay to Kafka', 'hosted: relay to /dev/null', 'pgoutput: reader that pauses');
my @candidates = (
    [ $extension, relay(kafka => 1), 'outbox' ],
    [ $hosted, relay(kafka => 1), 'pgoutput' ],
    [ 'extension: relay to /dev/null', relay(), 'outbox' ],
    [ $nowhere, relay(), 'pgoutput' ],
    [ 'extension: reader that pauses', reader($pause_us, @own_options), 'outbox' ],
    [ $bare, reader($pause_us, @pgoutput_options), 'pgoutput' ],
);

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('hosted', @figures);
    my $server = Bench::Server->start;
    $server->sql('CREATE TABLE wide(id bigint PRIMARY KEY, item text)');
    _drain($bench, $result, $server, $_) for $bench->chosen(\@shapes);
    _latency($bench, $result, $server) if $bench->chosen([ { name => $latency } ]);
    _bulk($bench, $result, $server) if $bench->chosen([ { name => $bulk } ]);
    _emit($bench, $result, $server) if $bench->chosen([ { name => $emit } ]);
    return $result;
}

sub _drain {
    my ($bench, $result, $server, $shape) = @_;
    my $point = $shape->{name};
    my $backlog = $server->backlog(%$shape, events => $bench->scaled($shape->{events}, $shape->{per_transaction}), topic => 'drain');
    for my $round (0 .. $bench->runs) {    # round 0 warms the broker up
        for my $candidate (grep { $round > 0 || $_->[0] =~ /Kafka/ } $bench->candidates(@candidates)) {
            my ($name, $program, $plugin) = @$candidate;
            $server->fresh_topic('drain');
            my %figures = per_event(drain($server, $backlog, $program, $plugin), $backlog->{events});
            $result->add($point, $name, %figures) if $round > 0;
        }
        $bench->say("$point: round $round");
    }
    my ($relay, $reader) = map { $result->median($point, $_, 'rate') } $nowhere, $bare;
    $result->verdict("$point: the relay of pgoutput against a bare reader of it", $relay / $reader, '>=', 0.9, '%.2f') if $relay && $reader;
    return;
}

sub _latency {
    my ($bench, $result, $server) = @_;
    for my $round (1 .. $bench->runs) {
        for my $form ([ $extension, 'outbox' ], [ $hosted, 'pgoutput' ]) {
            my ($found) = probe($server, relay(kafka => 1), rate => 500, per_transaction => 1, seconds => $bench->scaled(10), bytes => 200, isolation => 'read_uncommitted', plugin => $form->[1]);
            $result->add($latency, $form->[0], visible_50 => $found->{visible}{0.5}, visible_99 => $found->{visible}{0.99});
        }
    }
    return;
}

# The server queues the rows for pgoutput, and beyond logical_decoding_work_mem writes them to disk, before pgoutput leaves them out.
sub _bulk {
    my ($bench, $result, $server) = @_;
    $server->drop_slots;
    $server->sql(q{SELECT pg_create_logical_replication_slot('base', 'outbox')});
    my $count = $bench->scaled($rows);
    $server->sql("BEGIN; INSERT INTO wide SELECT n, 'Macbook ' || n FROM generate_series(1, $count) AS n;" . q{ SELECT FROM outbox.emit('bulk', 1, '{"item":"Macbook"}'); COMMIT});
    my $backlog = { target => $server->sql('SELECT pg_current_wal_insert_lsn()'), events => 1, topic => 'bulk' };
    $server->sql('SELECT txid_current()');
    for my $round (1 .. $bench->runs) {
        for my $candidate (grep { $_->[0] =~ /null|reader/ } @candidates) {
            my $used = drain($server, $backlog, @$candidate[ 1, 2 ]);
            $result->add("$count $bulk", $candidate->[0], seconds => $used->{seconds}, walsender_s => $used->{walsender}{cpu_s}, walsender_mb => $used->{walsender}{peak_mb});
        }
    }
    return;
}

sub _emit {
    my ($bench, $result, $server) = @_;
    my $node = $server->node;
    $server->drop_slots;
    $node->safe_psql('postgres', 'CREATE DATABASE in_sql');
    { local $ENV{FORM} = 'hosted'; Outbox::Form::install($node, 'in_sql'); }
    $node->safe_psql('in_sql', q{SELECT pg_create_logical_replication_slot('outbox_in_sql', 'pgoutput'); UPDATE outbox.settings SET slots = '{outbox_in_sql}'});
    $server->sql(q{SELECT pg_create_logical_replication_slot('base', 'outbox')});
    my $count = $bench->scaled($emits);
    for my $round (0 .. $bench->runs) {
        for my $form ([ 'extension', 'postgres' ], [ 'hosted', 'in_sql' ]) {
            my $said = $node->safe_psql($form->[1], qq[\\timing on\nSELECT count(outbox.emit('t', n, '{"item":"Macbook","price":1999}')) FROM generate_series(1, $count) AS n]);
            my ($ms) = $said =~ /^Time: ([\d.]+) ms/m or die "no time: $said\n";
            $result->add($emit, $form->[0], emit_us => 1000 * $ms / $count) if $round > 0;
        }
    }
    return;
}

1;
