# The plugin's filter, which drops row changes and foreign messages before the server queues them, changes nothing in the stream: a plugin without the
# filter writes the same bytes, by SQL and through a walsender, in subtransactions, prepared and large transactions, from a two-phase slot, and with
# events of another replication origin.
use strict;
use warnings;

use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Node;
use Outbox::Walsender;
use Test::More;

my $build = $ENV{OUTBOX_BUILD};
my $node = outbox_node('filter', conf => "logical_decoding_work_mem = 64kB\n", plugins => 'outbox_no_filter');
$node->append_conf('postgresql.conf', "dynamic_library_path = '\$libdir:$build'");
$node->restart;

sub sql { return $node->safe_psql('postgres', shift) }

for my $plugin (qw(outbox outbox_no_filter)) {
    sql("SELECT pg_create_logical_replication_slot('$plugin', '$plugin')");
    sql("SELECT pg_create_logical_replication_slot('${plugin}_2pc', '$plugin', false, true)");
}

sub foreign {
    my ($count) = @_;
    return join '', map { "SELECT count(pg_logical_emit_message($_, repeat('x', 50))) FROM generate_series(1, $count);" }
        q{true, 'foreign'}, q{false, 'foreign'}, q{false, 'outbox'}, q{true, 'outbox2'}, q{true, 'outbo'}, q{true, ''}, q{true, 'OUTBOX'};
}

sub emit { my ($key) = @_; return "SELECT outbox.emit('t', '$key', '{}');" }

sql('CREATE TABLE things (id int, item text)');
sql('CREATE ROLE other');
sql(emit('alone'));
sql(foreign(1));
sql('BEGIN;' . foreign(1) . 'COMMIT');
sql('BEGIN;' . foreign(3) . emit('behind') . foreign(3) . emit('between') . foreign(3) . 'COMMIT');
sql('BEGIN;' . foreign(2000) . emit('large') . 'INSERT INTO things SELECT n, n FROM generate_series(1, 5000) AS n;' . foreign(2000) . emit('larger') . 'COMMIT');
sql('BEGIN;' . foreign(2) . emit('dropped') . 'ROLLBACK');
sql('BEGIN;' . foreign(1) . 'SAVEPOINT a;' . foreign(2) . emit('in a') . 'SAVEPOINT b;' . foreign(2) . emit('in b') . 'ROLLBACK TO b;'
    . foreign(1) . 'RELEASE a;' . emit('after a') . 'COMMIT');
sql('BEGIN;' . foreign(1) . 'ALTER TABLE things ADD more int;' . foreign(1) . emit('behind DDL') . 'ALTER TABLE things ALTER id TYPE bigint; UPDATE things SET more = 1;'
    . foreign(1) . emit('behind a rewrite') . 'COMMIT');
sql('BEGIN; CREATE TABLE made (id int); ' . foreign(1) . 'SAVEPOINT a; DROP TABLE made;' . foreign(1) . 'ROLLBACK TO a;' . emit('behind dropped DDL') . 'COMMIT');
sql('BEGIN;' . foreign(2) . emit('prepared') . foreign(2) . q{PREPARE TRANSACTION 'a'});
sql('BEGIN;' . foreign(2) . emit('prepared and dropped') . q{PREPARE TRANSACTION 'b'});
sql('VACUUM FULL pg_class');
sql(q{ROLLBACK PREPARED 'b'});
sql(emit('between'));
sql(q{COMMIT PREPARED 'a'});
sql(q{SELECT pg_replication_origin_create('elsewhere')});
sql(q{SELECT pg_replication_origin_session_setup('elsewhere'); BEGIN;} . foreign(2) . emit('of another origin') . foreign(2)
    . q{SELECT pg_replication_origin_xact_setup('0/1', now()); COMMIT});
sql(q{SELECT pg_logical_emit_message(true, 'outbox', 'forged')});
my $end = sql('SELECT pg_switch_wal(); CHECKPOINT; SELECT pg_current_wal_flush_lsn()') =~ s/.*\n//sr;

sub by_sql { my ($slot, $bytes) = @_; return sql("SELECT data FROM pg_logical_slot_peek_changes('$slot', NULL, NULL, 'batch_bytes', '$bytes')") }

sub by_walsender {
    my ($slot) = @_;
    my $walsender = Outbox::Walsender->new($node, $slot, q{batch_bytes '65536'});
    my @lines;
    while (1) {
        my $message = $walsender->next;
        push @lines, @{ $message->{lines} // [] };
        last if grep { /"rejected"/ } @lines;    # the last transaction
    }
    $walsender->close;
    $node->poll_query_until('postgres', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$slot'");
    return \@lines;
}

my $stream = by_sql('outbox', 0);
is(join(',', $stream =~ /"key":"([^"]*)"/g),
    'alone,behind,between,large,larger,in a,after a,behind DDL,behind a rewrite,behind dropped DDL,between,prepared,of another origin',
    'the committed events, also of another origin');
is($stream, by_sql('outbox_no_filter', 0), 'the same as without the filter');
is(by_sql('outbox', 65536), by_sql('outbox_no_filter', 65536), 'many lines at once');
is(by_sql('outbox_2pc', 0), by_sql('outbox_no_filter_2pc', 0), 'from a two-phase slot');
is(by_sql('outbox_2pc', 0), $stream, 'which delivers at COMMIT PREPARED');
is_deeply(by_walsender('outbox'), by_walsender('outbox_no_filter'), 'through a walsender');
is_deeply(by_walsender('outbox_2pc'), by_walsender('outbox_no_filter_2pc'), 'through a walsender from a two-phase slot');

my ($spilled, $spilled_without) = map { sql("SELECT spill_bytes FROM pg_stat_replication_slots WHERE slot_name = '$_'") } qw(outbox outbox_no_filter);
is($spilled, 0, 'nothing of it is spilled');
cmp_ok($spilled_without, '>', 0, "without the filter $spilled_without bytes are");

crash($node);
$node->start;
is(by_sql('outbox', 0), $stream, 'the same after a crash');

done_testing();
