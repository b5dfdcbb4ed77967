# Exactly once, a topic is deleted and created again, or made by Kafka itself, while events go to it in Kafka transactions that are open. What the topic
# held goes with it, and nothing else: the relay goes on, or ends with 6 and goes on when it is started again.
# Takes long.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(random_seed slowness wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $partitions = 4;
my $keys = 12;

random_seed();
my $node = outbox_node('main');
my $kafka = Outbox::Kafka->new(properties => "auto.create.topics.enable=true\nnum.partitions=$partitions\n")->start;
$kafka->create_topic($_, $partitions) for qw(stays goes);
my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($node, $kafka);
is($code, 0, 'set up') or BAIL_OUT($err);

# One writer, so the numbers of the events follow the order of the commits. Each transaction has an event for either topic.
$node->safe_psql('postgres', <<'END');
CREATE TABLE written AS SELECT 0::bigint AS number;
CREATE TABLE writer AS SELECT false AS ended;
CREATE PROCEDURE write_events(keys int) LANGUAGE plpgsql AS $$
DECLARE n bigint := (SELECT written.number FROM written);
BEGIN
    WHILE NOT (SELECT ended FROM writer) LOOP
        n := n + 1;
        UPDATE written SET number = n;
        PERFORM outbox.emit(topic, 'k' || n % keys, n::text) FROM (VALUES ('stays'), ('goes')) AS topics(topic);
        COMMIT;
        PERFORM pg_sleep(0.002);
    END LOOP;
END $$;
END

my $writer;
sub begin_writing {
    $node->safe_psql('postgres', 'UPDATE writer SET ended = false');
    $writer = Outbox::Process->spawn(
        name => 'writer', command => [ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "CALL write_events($keys)" ],
        stdout => '/dev/null', stderr => "$PostgreSQL::Test::Utils::log_path/066_writer.err");
    return;
}
sub end_writing {
    $node->safe_psql('postgres', 'UPDATE writer SET ended = true');
    is($writer->wait_for_exit(30), 0, 'the writer has ended');
    return;
}
sub written { return $node->safe_psql('postgres', 'SELECT number FROM written') }

# The events of a topic in the order of each key.
sub by_key {
    my ($topic) = @_;
    my %numbers;
    push @{ $numbers{ $_->{key} } }, $_->{value} for $kafka->consume($topic);
    return \%numbers;
}

# The topic has the events from some number on, each once and in order; no number in $from .. $to is missing. Returns the faults.
sub faults_of {
    my ($topic, $from, $to) = @_;
    my @faults;
    my $of = by_key($topic);
    for my $key (0 .. $keys - 1) {
        my @numbers = @{ $of->{"k$key"} // [] };
        my $first = $numbers[0] // $to + $keys;
        push @faults, "k$key begins with $first, after $from" if $first - $keys > $from;
        for my $i (1 .. $#numbers) {
            push @faults, "k$key: $numbers[$i] after $numbers[$i - 1]" if $numbers[$i] != $numbers[$i - 1] + $keys;
        }
        push @faults, "k$key ends with $numbers[-1], before $to" if @numbers && $numbers[-1] + $keys <= $to;
    }
    return @faults;
}
sub topic_ok {
    my ($topic, $from, $to, $what) = @_;
    my @faults = faults_of($topic, $from, $to);
    ok(!@faults, $what) or diag join "\n", @faults[ 0 .. ($#faults < 9 ? $#faults : 9) ];
    return;
}

# Kafka transactions are long, so that one is open nearly always. librdkafka would believe for half a minute that the topic is about to appear.
my @arguments = qw(--delivery exactly-once --shutdown-grace-ms 2000 --commit-interval-ms 300 --property topic.metadata.propagation.max.ms=0);
my $relay;
my $ends = 0;
# A relay that has stopped with 6, which it may, is started again as an operator does.
sub wait_for_all {
    my ($what) = @_;
    my $lsn = current_lsn($node);
    my $delivered = wait_until {
        if (!$relay->alive) {
            is($relay->wait_for_exit, 6, 'the relay has stopped with 6') or return 1;
            like($relay->log, qr/Kafka has lost records of topic "goes"/, 'and says why') or diag $relay->log;
            $ends++;
            $relay->start;
        }
        slot($node, "confirmed_flush_lsn >= '$lsn'") eq 't';
    }
    $what, 200 * slowness();    # librdkafka may keep records of a partition that is gone: a new producer goes on after a minute and a half
    return $delivered;
}

# ---- a topic of events

for my $round ([ 'Kafka makes no topic', 'false' ], [ 'Kafka makes topics by itself', 'true' ]) {
    my ($name, $makes) = @$round;
    $relay = Outbox::Relay->new($node, name => "makes-$makes", kafka => $kafka, args => [ @arguments, '--property', "allow.auto.create.topics=$makes" ])->start;
    $relay->wait_until_streaming($node);
    for my $pause (0, 2, 0) {
        begin_writing();
        my $begun = written();
        wait_until { written() > $begun + 300 } 'the writer writes';
        $kafka->delete_topic('goes');
        my $from;
        if ($pause > 0) {
            wait_until { !$kafka->keeps('goes') } 'the topic has gone' if $makes eq 'false';
            $from = written();
            sleep $pause;
        }
        $kafka->create_topic('goes', $partitions) if $makes eq 'false';
        $from //= written();
        my $then = written();
        wait_until { written() > $then + 300 } 'the writer writes on';
        $from = written() if $makes eq 'true';    # by now the records that went to the topic while it was deleted are gone with it
        wait_until { written() > $then + 600 } 'and on';
        end_writing();
        ok(wait_for_all("$name, $pause s: everything is delivered"), "$name, $pause s: everything is delivered") or diag $relay->log;
        topic_ok('stays', 1, written(), 'the topic beside it has every event once and in order');
        topic_ok('goes', $from, written(), 'the topic created again has what came afterwards, once and in order');
    }
    is($relay->terminate, 0, 'the relay ends in good order') or diag $relay->log;
}
note "the relay has stopped with 6 $ends times";

# ---- told to end while a Kafka transaction is open and the topic is gone

$relay = Outbox::Relay->new($node, name => 'told', kafka => $kafka, args => \@arguments)->start;
begin_writing();
my $begun = written();
wait_until { written() > $begun + 300 } 'the writer writes';
$kafka->delete_topic('goes');
$relay->wait_for_log(qr/waiting for topic "goes"/, 150 * slowness());    # a minute where librdkafka keeps a record
my $asked_at = time;
$relay->terminate;
cmp_ok(time - $asked_at, '<', 50 * slowness(), 'a relay that is told to end ends, also where librdkafka keeps records of a partition that is gone');
my $from = written();
$kafka->create_topic('goes', $partitions);
$relay->start;
end_writing();
ok(wait_for_all('after its end'), 'the next one goes on');
topic_ok('stays', 1, written(), 'with every event once and in order');
topic_ok('goes', $from, written(), 'and what came afterwards in the topic created again');

is($relay->terminate, 0, 'it ends in good order');
done_testing();
