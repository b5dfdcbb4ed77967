# Emit: the cost of an event for its transaction, in CPU time, in WAL and in disk space, compared with a row in an outbox table and with the bare
# function that writes a logical message. The cost of a transaction without an event is subtracted.
#
# synchronous_commit=off, because the flush of a commit is the same for all ways, and its noise is larger than the differences. The times do not
# include the disk's work for WAL; WAL is counted. The bounds are on the backends' CPU time, which other work on the machine does not change. The
# table is at its best: empty at the start, without full-page images, and without readers.
package emit;

use strict;
use warnings;

use Bench::Emit qw(ways set_up pgbench fill wal_of_envelopes);
use Bench::Result;
use Bench::Server;

my @sizes = (200, 1000, 8000);
my $seconds = 3;
my $million = 1_000_000;

my ($emit, $bare, $insert, $delete) = ('outbox.emit', 'bare pg_logical_emit_message', 'table: INSERT', 'table: INSERT, DELETE');

my @figures = (
    [ cpu_us => 'added CPU us', '%.2f' ], [ added_us => 'added us', '%.1f' ], [ wal_bytes => 'added WAL bytes', '%.0f' ], [ latency_us => 'transaction us', '%.1f' ],
    [ table_mb => 'table MB', '%.0f' ], [ index_mb => 'index MB', '%.0f' ],
);

my @points;
for my $bytes (@sizes) {
    for my $events (1, 10) {
        push @points, map { { name => _name($bytes, $events, $_), bytes => $bytes, events => $events, clients => $_ } } 1, 4, 16;
    }
}

sub _name {
    my ($bytes, $events, $clients) = @_;
    return sprintf '%s, %d/txn, %d client%s', $bytes < 1000 ? "$bytes B" : $bytes / 1000 . ' kB', $events, $clients, $clients > 1 ? 's' : '';
}

sub run {
    my ($bench) = @_;
    my $result = Bench::Result->new('emit', @figures);
    my $server = Bench::Server->start(kafka => 0);
    set_up($server, @sizes);
    for my $point ($bench->chosen(\@points)) {
        for my $round (1 .. $bench->runs) {
            _compare($bench, $result, $server, $point);
        }
        $bench->say(sprintf '%s: %s us', $point->{name}, join ', ', map { sprintf '%s %.1f', $_, $result->median($point->{name}, $_, 'cpu_us') // 0 } ways());
    }
    _leave_behind($bench, $result, $server);
    _note_envelopes($result, $server);
    _judge($result, $_) for @sizes;
    return $result;
}

# The ways take turns, so that changes of the machine's speed affect all ways alike.
sub _compare {
    my ($bench, $result, $server, $point) = @_;
    my $nothing;
    for my $way (ways()) {
        _renew($server);
        my $scaled = $seconds * ($bench->{scale} < 1 ? $bench->{scale} : 1);
        my $found = pgbench($server, $way, %$point, seconds => $scaled < 1 ? 1 : int $scaled);
        $nothing //= $found;
        my $added = sub { my ($figure) = @_; return $way eq 'nothing' ? undef : ($found->{$figure} - $nothing->{$figure}) / $point->{events} };
        $result->add($point->{name}, $way, latency_us => $found->{latency_us},
            cpu_us => $added->('cpu_us'), added_us => $added->('latency_us'), wal_bytes => $added->('wal_bytes'));
    }
    return;
}

# Empties the tables, and creates the slot again: emit demands a slot, and a slot that nobody reads keeps all WAL.
sub _renew {
    my ($server) = @_;
    $server->drop_slots;
    $server->sql('TRUNCATE business, outbox_table');
    $server->sql('CHECKPOINT');
    $server->sql(q{SELECT pg_create_logical_replication_slot('outbox', 'outbox')});
    return;
}

# The size of the outbox table after this many events, with autovacuum.
sub _leave_behind {
    my ($bench, $result, $server) = @_;
    my $events = $bench->scaled($million);
    my $point = sprintf 'after %d events', $events;
    return if !$bench->chosen([ { name => $point } ]);
    for my $way ($emit, $insert, $delete) {
        _renew($server);
        fill($server, $way, $events, $sizes[0]);
        my ($table, $index) = map { $server->sql("SELECT $_('outbox_table') / 1e6") } qw(pg_table_size pg_indexes_size);
        $result->add($point, $way, table_mb => $table, index_mb => $index);
    }
    return;
}

# The WAL of other forms of an envelope.
sub _note_envelopes {
    my ($result, $server) = @_;
    _renew($server);
    my $insert_bytes = $result->median(_name($sizes[0], 10, 1), $insert, 'wal_bytes') or return;
    my @found = map { sprintf '%s %.0f (%.2f)', $_->[0], $_->[1], $_->[1] / $insert_bytes } wal_of_envelopes($server, $sizes[0]);
    $result->note(sprintf q{%d B: WAL bytes of an event by its envelope, and against the table's INSERT: %s}, $sizes[0], join ', ', @found);
    return;
}

sub _note_delete {
    my ($result, $point, $ratio) = @_;
    my ($time, $wal) = map { $ratio->($_, $emit, $delete) } qw(cpu_us wal_bytes);
    $result->note(sprintf '%s: against INSERT and DELETE, emit needs %.2f of the added CPU and %.2f of the WAL', $point, $time, $wal) if $time && $wal;
    return;
}

# TOAST compresses a row of more than 2 kB, and nothing compresses a logical message. Which of the two is smaller then depends on the payload, so
# there is no bound.
sub _judge_wal {
    my ($result, $bytes, $point, $ratio) = @_;
    return if !defined $ratio;
    return $result->verdict("$point: WAL of emit against the table's INSERT", $ratio, '<=', 0.75, '%.2f') if $bytes <= 1000;
    $result->note(sprintf q{%s: WAL of emit against the table's INSERT: %.2f. TOAST compresses rows of this size, nothing compresses a logical message},
        $point, $ratio);
    return;
}

# The point with one client and ten events a transaction, at which events are most of the cost.
sub _judge {
    my ($result, $bytes) = @_;
    my $point = _name($bytes, 10, 1);
    my $ratio = sub {
        my ($figure, $way, $other) = @_;
        my ($value, $base) = map { $result->median($point, $_, $figure) } $way, $other;
        return defined $value && $base ? $value / $base : undef;
    };
    $result->verdict("$point: added CPU of emit against the table's INSERT", $ratio->('cpu_us', $emit, $insert), '<=', 1 / 3, '%.2f');
    _note_delete($result, $point, $ratio);
    _judge_wal($result, $bytes, $point, $ratio->('wal_bytes', $emit, $insert));
    return if $bytes != $sizes[0];
    $result->verdict("$point: added CPU of emit against the bare function", $ratio->('cpu_us', $emit, $bare), '<=', 3, '%.2f');
    return;
}

1;
