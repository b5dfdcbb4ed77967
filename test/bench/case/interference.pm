# Interference: the cost of outbox for transactions without events. pgbench's TPC-B runs without a slot, with a slot that a relay reads, and with the
# server's own plugin and reader on an empty publication, because any walsender must decode all WAL. The second part is the cost of decoding a
# transaction of very many rows and one event, with the plugin's filter, which drops row changes before the server queues them, and with a build of
# the plugin without the filter.
package interference;

use strict;
use warnings;

use Bench::Beside qw(pgbench start_reader stop_reader);
use Bench::Drain qw(drain reader recvlogical relay @own_options @pgoutput_options);
use Bench::Meter qw(cores sample used);
use Bench::Result;
use Bench::Server;
use File::Copy qw(copy);

my $seconds = 10;
my $turns = 4;    # in a run, because two turns differ by more than three per cent
my $rows = 1_000_000;
my $pause_us = 200;

my @figures = (
    [ tps => 'transactions/s', '%.0f' ], [ walsender_us => 'walsender us', '%.1f' ], [ reader_us => 'reader us', '%.1f' ],
    [ seconds => 'decoding s', '%.2f' ], [ walsender_s => 'walsender CPU s', '%.2f' ], [ walsender_mb => 'walsender peak MB', '%.0f' ],
);

my $oltp = 'pgbench, ' . 4 * cores() . ' clients';
my ($without, $with, $other) = ('no slot', 'slot and relay', 'slot of pgoutput, pg_recvlogical');
my ($filter, $no_filter) = ('plugin', 'plugin without its filter');

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('interference', @figures);
    my $server = Bench::Server->start;
    _compare_transactions($bench, $result, $server) if $bench->chosen([ { name => $oltp } ]);
    my $changes = $bench->scaled($rows);
    my $point = "$changes rows and an event";
    _compare_decoding($bench, $result, $server, $point, $changes) if $bench->chosen([ { name => $point } ]);
    _judge($result, $point);
    return $result;
}

# ---- transactions ---------------------------------------------------------------------------------------------------

# Each candidate comes first in one turn, so that drift affects all alike. The server's periodic work is done before each measurement.
sub _compare_transactions {
    my ($bench, $result, $server) = @_;
    $server->sql('ALTER SYSTEM SET autovacuum = off');
    $server->sql('SELECT pg_reload_conf()');
    pgbench($server, qw(-i -q -s 20));
    _transactions($bench, $server);    # warms up the caches
    my %measure = (
        $without => sub { _transactions($bench, $server) },
        $with => sub { _beside($bench, $server, 'outbox', relay(kafka => 1)) },
        $other => sub { _beside($bench, $server, 'pgoutput', recvlogical(@pgoutput_options)) },
    );
    my @order = ($without, $with, $other);
    for my $turn (1 .. $bench->runs * $turns) {
        $result->add($oltp, $_, $measure{$_}->()) for @order;
        push @order, shift @order;
        $bench->say(sprintf '%s: turn %d: %s', $oltp, $turn,
            join ' against ', map { sprintf '%.0f', $result->{values}{$oltp}{$_}{tps}[-1] } $without, $with, $other);
    }
    return;
}

sub _transactions {
    my ($bench, $server) = @_;
    my $scaled = int($seconds * ($bench->{scale} < 1 ? $bench->{scale} : 1)) || 1;
    $server->sql($_) for 'VACUUM', 'CHECKPOINT';
    my $said = pgbench($server, qw(-n -M prepared -c), 4 * cores(), '-j', cores(), '-T', $scaled);
    my ($tps) = $said =~ /^tps = ([\d.]+)/m;
    my ($count) = $said =~ /^number of transactions actually processed: (\d+)/m;
    return (tps => $tps, count => $count);
}

sub _beside {
    my ($bench, $server, $plugin, $program) = @_;
    my $reader = start_reader($server, 'beside', $plugin, $program);
    my %pids = (reader => $reader->{process}->pid, walsender => $reader->{walsender});
    my $before = sample(%pids);
    my %figures = _transactions($bench, $server);
    my $used = used($before, sample(%pids));
    stop_reader($server, $reader);
    return (%figures, map { $_ . '_us' => 1e6 * $used->{$_}{cpu_s} / $figures{count} } qw(walsender reader));
}

# ---- decoding -------------------------------------------------------------------------------------------------------

sub _compare_decoding {
    my ($bench, $result, $server, $point, $changes) = @_;
    _install_without_filter();
    $server->sql('CREATE TABLE wide(id bigint PRIMARY KEY, item text)');
    my %plugins = ($filter => 'outbox', $no_filter => 'outbox_no_filter');
    my $backlog = _write($server, $changes);
    for my $round (1 .. $bench->runs) {
        for my $candidate ($filter, $no_filter) {
            my $used = drain($server, $backlog, reader($pause_us, @own_options), $plugins{$candidate});
            $result->add($point, $candidate, seconds => $used->{seconds}, walsender_s => $used->{walsender}{cpu_s}, walsender_mb => $used->{walsender}{peak_mb});
        }
        $bench->say(sprintf '%s: round %d: %s s', $point, $round, join ' against ', map { sprintf '%.2f', $result->median($point, $_, 'seconds') } $filter, $no_filter);
    }
    return;
}

# The second build of the plugin has a name of its own in the private server of this run.
sub _install_without_filter {
    chomp(my $folder = `pg_config --pkglibdir`);
    copy("$ENV{OUTBOX_BUILD}/outbox_no_filter.so", $folder) or die "$folder: $!\n";
    return;
}

sub _write {
    my ($server, $changes) = @_;
    $server->drop_slots;
    $server->sql(q{SELECT pg_create_logical_replication_slot('base', 'outbox')});
    $server->sql("BEGIN; INSERT INTO wide SELECT n, 'Macbook ' || n FROM generate_series(1, $changes) AS n;"
        . q{ SELECT FROM outbox.emit('interference', 1, '{"item":"Macbook"}'); COMMIT});
    my $target = $server->sql('SELECT pg_current_wal_insert_lsn()');
    $server->sql('SELECT txid_current()');
    return { target => $target, events => 1, topic => 'interference' };
}

sub _judge {
    my ($result, $point) = @_;
    my ($base, $beside, $own_server) = map { $result->median($oltp, $_, 'tps') } $without, $with, $other;
    $result->verdict("$oltp: per cent of the transactions lost to slot and relay", 100 * (1 - $beside / $base), '<=', 3, '%.1f') if $base && $beside;
    $result->note(sprintf '%s: the server\'s own plugin and reader, for a publication of nothing, cost it %.1f per cent', $oltp, 100 * (1 - $own_server / $base))
        if $base && $own_server;
    for my $figure ([ seconds => 'time' ], [ walsender_s => 'CPU' ]) {
        my ($own, $bare) = map { $result->median($point, $_, $figure->[0]) } $filter, $no_filter;
        $result->note(sprintf '%s: with the filter %.2f of the %s without', $point, $own / $bare, $figure->[1]) if $own && $bare;
    }
    return;
}

1;
