# The relay dies between the confirmations of two commits that are adjacent in the WAL: if a confirmed position were one byte too high, the second
# event would be lost.
use strict;
use warnings;

use Outbox::Checker;
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'this server lacks test_decoding, which tells where a commit ends' if !Outbox::Node::has_module('test_decoding');
my $rounds = 30;
my $crashes = 3;
my $batch = 250;

random_seed();
my $node = outbox_node('main', conf => "synchronous_commit = off\nwal_sender_timeout = 5s\n");
create_slot($node);

# First with two commits: the first is delivered and confirmed, the second waits for its topic; then the relay dies.
my ($first, $second, $end) = adjacent_commits();
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('there');
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;
ok(wait_for_confirmation($node, 'outbox', $end), 'the first of two adjacent commits is confirmed');
is(slot($node, 'confirmed_flush_lsn'), $end, 'to its very end, where the second begins');
is($relay->kill_nine, 'signal 9', 'the relay dies between the two');
$kafka->create_topic('missing');
$relay->start;
flush();
ok(wait_for_confirmation($node), 'its successor confirms both');
is_deeply([ map { $_->{headers}[0][1] } $kafka->consume(qw(there missing)) ], [ $first, $second ], 'each event is there, once');
is($relay->terminate, 0, 'the relay ends in good order');
$kafka->stop;

# Then with hundreds of adjacent transactions of one event each, and a kill at any of them.
my @events;
$relay = Outbox::Relay->new($node, name => 'plain');
for my $round (1 .. $rounds) {
    my $script = "SELECT outbox.emit('orders', 'k', '$round');\n" x $batch;
    $relay->start;
    sleep rand 0.1;
    push @events, split /\n/, $node->safe_psql('postgres', $script);
    sleep rand 0.02;
    $relay->kill_nine;
    next if $round % ($rounds / $crashes);
    flush();
    crash($node);
    $node->start;
}
flush();
$relay->start;
ok(wait_for_confirmation($node), 'the last relay delivers what is left');
is($relay->terminate, 0, 'and ends in good order');

is(scalar @events, $rounds * $batch, 'all were written');
my ($seq, $offset) = (0, 0);
my @transactions = map { { name => $_, outcome => 'ok', events => [ event($_, ++$seq) ] } } @events;
my @records = grep { $_->{topic} eq 'orders' } map { record($_) } $relay->output;    # a crash may repeat the first two as well
history_ok(\@transactions, \@records, "$rounds kills and $crashes crashes among adjacent commits");

# Emits two events, each in a transaction, and returns (first id, second id, the LSN where the first commit ends and the second transaction
# begins). Where the server has written a record of its own between the two, the function tries again.
sub adjacent_commits {
    create_slot($node, 'look', 'test_decoding');
    for (1 .. 20) {
        my @ids = split /\n/, $node->safe_psql('postgres', "SELECT outbox.emit('there', 'k', '1');\nSELECT outbox.emit('missing', 'k', '2')");
        flush();
        # BEGIN has the LSN where the transaction's first record begins, COMMIT the LSN where its last record ends.
        my @positions = split /\n/, $node->safe_psql('postgres', q{SELECT lsn FROM pg_logical_slot_get_changes('look', NULL, NULL)});
        my ($ends, $begins) = @positions[2, 3];
        if ($ends eq $begins) {
            $node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('look')});
            return (@ids, $ends);
        }
        $node->safe_psql('postgres', q{SELECT pg_replication_slot_advance('outbox', pg_current_wal_flush_lsn())});
    }
    die "no two commits were adjacent\n";
}

# Commits are asynchronous here, for a high rate. This commit has a record of its own, so it waits until all of them are on disk.
sub flush { return $node->safe_psql('postgres', q{SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'test', 'flush')}) }

sub event {
    my ($id, $place) = @_;
    return { id => $id, topic => 'orders', key => 'k', seq => $place, headers => [ [ id => $id ] ] };
}

# A kill may cut a session's last line short. The next session repeats that event, and writes after the incomplete line.
sub record {
    my ($line) = @_;
    my ($topic, $key, $id) = $line =~ /^.*\{"topic":"(\w+)","key":"(\w+)","id":"([-0-9a-f]+)",.*\}$/ or return;
    return { topic => $topic, partition => 0, offset => $offset++, key => $key, headers => [ [ id => $id ] ] };
}

done_testing();
