# Slots: the CPU time that the server spends on a transaction without events, by accounting and not by throughput: the same number of pgbench's
# transactions without a slot, and beside one and four slots that are read. A slot of a plugin that does nothing, read by pg_recvlogical, is the floor of
# what any slot costs.
package slots;

use strict;
use warnings;

use Bench::Beside qw(pgbench start_reader stop_reader);
use Bench::Drain qw(recvlogical relay);
use Bench::Meter qw(children_cpu_s);
use Bench::Result;
use Bench::Server;
use File::Copy qw(copy);
use Outbox::Process qw(cpu_s slurp wait_until);

my ($clients, $transactions) = (4, 40_000);
my $point = "pgbench, $clients clients";
my $without = 'no slot';

my @figures = ([ server_us => 'server CPU us a transaction', '%.1f' ], [ backends_us => 'backends us', '%.1f' ], [ walsenders_us => 'walsenders us', '%.1f' ], [ tps => 'transactions/s', '%.0f' ]);

# name, number of slots, plugin, reader
my @candidates = (
    [ $without, 0 ],
    (map { [ _name($_, 'outbox, relay'), $_, 'outbox', relay() ] } 1, 4),
    (map { [ _name($_, 'a plugin that does nothing'), $_, 'outbox_nothing', recvlogical() ] } 1, 4),
    (map { [ _name($_, 'pgoutput, relay'), $_, 'pgoutput', relay() ] } 1),
);

sub _name { my ($count, $what) = @_; return "$count " . ($count > 1 ? 'slots' : 'slot') . " of $what" }

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('slots', @figures);
    chomp(my $folder = `pg_config --pkglibdir`);
    copy("$ENV{OUTBOX_BUILD}/outbox_nothing.so", $folder) or die "$folder: $!\n";
    my $server = Bench::Server->start(kafka => 0);
    $server->sql('ALTER SYSTEM SET autovacuum = off');
    $server->sql('SELECT pg_reload_conf()');
    pgbench($server, qw(-i -q -s 20));
    my @order = $bench->candidates(@candidates);
    _measure($bench, $server, $order[0]);    # warms up the caches
    for my $round (1 .. $bench->runs) {
        for my $candidate (@order) {
            $result->add($point, $candidate->[0], _measure($bench, $server, $candidate));
            $bench->say(sprintf 'round %d: %s: %.1f us', $round, $candidate->[0], $result->{values}{$point}{ $candidate->[0] }{server_us}[-1]);
        }
        push @order, shift @order;    # each comes first once, so that drift affects all alike
    }
    _judge($result);
    return $result;
}

sub _measure {
    my ($bench, $server, $candidate) = @_;
    my ($name, $count, $plugin, $program) = @$candidate;
    my @readers = map { start_reader($server, "outbox_beside_$_", $plugin, $program) } 1 .. $count;
    $server->sql($_) for 'VACUUM', 'CHECKPOINT';
    my $before = _used($server, @readers);
    my $each = $bench->scaled($transactions / $clients);
    my ($tps) = pgbench($server, qw(-n -M prepared -c), $clients, '-t', $each) =~ /^tps = ([\d.]+)/m;
    _wait_for($server, $_) for @readers;
    my $after = _used($server, @readers);
    stop_reader($server, $_) for @readers;
    my ($all, $walsenders) = map { 1e6 * ($after->{$_} - $before->{$_}) / ($each * $clients) } qw(all walsenders);
    return (server_us => $all, walsenders_us => $walsenders, backends_us => $all - $walsenders, tps => $tps);
}

# The walsender has decoded every transaction so far.
sub _wait_for {
    my ($server, $reader) = @_;
    my $target = $server->sql('SELECT pg_current_wal_lsn()');
    wait_until { $server->sql("SELECT sent_lsn >= '$target' FROM pg_stat_replication WHERE pid = $reader->{walsender}") eq 't' } 'the walsender does not catch up', 300;
    return;
}

# The CPU time of the whole server, also of backends that have ended, and of the walsenders alone.
sub _used {
    my ($server, @readers) = @_;
    my $postmaster = $server->postmaster;
    my @children = split ' ', slurp("/proc/$postmaster/task/$postmaster/children");
    my %used = (all => cpu_s($postmaster) + children_cpu_s($postmaster), walsenders => 0);
    $used{all} += $_ for map { cpu_s($_) } @children;
    $used{walsenders} += cpu_s($_->{walsender}) for @readers;
    return \%used;
}

# The walsenders' time is theirs alone, and does not depend on what else the machine does; the backends' time differs more from turn to turn than by a slot.
sub _judge {
    my ($result) = @_;
    for my $count (1, 4) {
        my ($own, $floor) = map { $result->median($point, _name($count, $_), 'walsenders_us') } 'outbox, relay', 'a plugin that does nothing';
        $result->verdict(_name($count, 'outbox') . ": the walsenders' CPU time against a plugin that does nothing", $own / $floor, '<=', 1, '%.2f') if $own && $floor;
    }
    return;
}

1;
