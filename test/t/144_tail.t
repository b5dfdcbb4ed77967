# `outbox-relay tail` shows events and consumes none: a relay delivers the same events, at the same time or later.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('main', conf => "fsync = off\n");
create_slot($node);
my @dsn = ('--dsn', $node->connstr('postgres') . ' user=relay');
my $folder = PostgreSQL::Test::Utils::tempdir('tail');
my $count = 0;
sub begin_tail {
    my (@arguments) = @_;
    my $stem = "$folder/" . $count++;
    return (Outbox::Process->spawn(name => 'tail', command => [ $ENV{OUTBOX_RELAY}, 'tail', @dsn, @arguments ], stdout => "$stem.out", stderr => "$stem.err"), "$stem.out", "$stem.err");
}
sub emit { my ($topic, $from, $to) = @_; return $node->safe_psql('postgres', "SELECT outbox.emit('$topic', i, '{\"n\":' || i || '}', 'made') FROM generate_series($from, $to) AS i") }
sub tail { my ($code, $out, $err) = Outbox::Relay::call('tail', @dsn, @_); is($code, 0, "tail @_") or diag $err; return split /\n/, $out }

emit('orders', 1, 30);
emit('invoices', 31, 33);
my $position = slot($node, 'confirmed_flush_lsn');
my @lines = tail(qw(--since-confirmed --limit 5));
is(scalar @lines, 5, '--limit ends it');
like($lines[0], qr/^\d\d:\d\d:\d\d\.\d{3}  orders  1  made  \{"n":1\}$/, 'for people: time, topic, key, type, payload');
@lines = tail(qw(--since-confirmed --limit 33 --json));
is(scalar(grep { /^\{.*"topic":"(?:orders|invoices)".*\}$/ } @lines), 33, 'as JSON: the lines of the stream, and no others');
@lines = tail(qw(--since-confirmed --limit 2 --topics invoice*));
is_deeply([ map { (split /  /)[1] } @lines ], [ 'invoices', 'invoices' ], '--topics');
@lines = tail(qw(--since-confirmed --limit 3 --sample 10));
is_deeply([ map { (split /  /)[2] } @lines ], [ 1, 11, 21 ], '--sample shows one of so many');
is(slot($node, 'confirmed_flush_lsn'), $position, 'nothing is consumed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 1, 'and no slot is left behind');

# tail shows events from now on, while a relay runs.
my $relay = Outbox::Relay->new($node)->start;
$relay->wait_until_streaming($node);
my ($tail, $out, $err) = begin_tail();
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_replication_slots WHERE temporary AND confirmed_flush_lsn >= pg_current_wal_flush_lsn()});
emit('orders', 101, 103);
wait_until { scalar(() = slurp($out) =~ /\n/g) >= 3 } 'tail shows nothing: ' . slurp($err);
is_deeply([ map { (split /  /)[2] } split /\n/, slurp($out) ], [ 101, 102, 103 ], 'what is emitted from now on, and nothing before');
$tail->signal('TERM');
is($tail->wait_for_exit(10), 0, 'a signal ends it, with 0');
wait_for_confirmation($node);
is(scalar(grep { /"topic":/ } $relay->output), 36, 'the relay has delivered all');
$relay->terminate;

# tail does not hold a large transaction in memory.
$node->safe_psql('postgres', q{SELECT outbox.emit('large', i, jsonb_build_object('text', repeat('x', 8000))) FROM generate_series(1, 10000) AS i});
($tail, $out) = begin_tail(qw(--since-confirmed --limit 10000));
my $peak = 0;
wait_until {
    my ($kb) = slurp('/proc/' . $tail->pid . '/status') =~ /^Name:\s+outbox-relay\n.*?^VmHWM:\s+(\d+) kB/ms;
    $peak = $kb if $kb && $kb > $peak;
    !$tail->alive
} 'tail does not end';
cmp_ok($peak, '<', Outbox::Relay::memory_limit_kb(60_000), 'in less than 60 MB of memory, for 80 MB of events');
is(scalar(() = slurp($out) =~ /\n/g), 10000, 'all of them');

# Errors.
my ($code, undef, $said) = Outbox::Relay::call('tail', @dsn, qw(--slot none));
is($code, 3, 'no slot: exit code 3');
like($said, qr/slot "none" does not exist on this server: .*outbox-relay setup --slot none/, 'and says so');
create_slot($node, "s$_") for 1 .. $node->safe_psql('postgres', q{SELECT current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)});
($code, undef, $said) = Outbox::Relay::call('tail', @dsn);
is($code, 5, 'no slot is free: exit code 5');
like($said, qr/all max_replication_slots are in use/, 'and says so');

done_testing();
