# The load of a chaos run: psql sessions whose transactions have every fate and every kind of event, and which keep books of both.
#
# Each transaction writes a row of `audit`, and each event a row of `ledger` in the same transaction, so the two tables say what was committed. A book has
# begin, ok or fail of a transaction, as far as the session knows the outcome, and each event with its parts that must arrive.
package Outbox::Chaos::Writers;

use strict;
use warnings;

use Outbox::Books qw(event_of fixture);
use Outbox::Chaos::Random;
use Outbox::Chaos::Transactions qw(keys_of plain_transaction random_transaction);
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Utils;

# The topics: partitions, and the topic's limit of a batch.
my %topics = (
    orders => { partitions => 6 },
    growing => { partitions => 1, grows => 8 },    # the most partitions; a key of this topic changes its partition
    payments => { partitions => 3 },
    journal => { partitions => 1 },
    small => { partitions => 2, max_bytes => 60_000 },
);
my @own_topics = qw(outbox.state outbox.dead-letter __consumer_offsets);
my $transactions = 60;    # of one session

my $fixture = <<'END';
CREATE TABLE audit(txn text PRIMARY KEY);
CREATE TABLE idle(n int);
CREATE ROLE stranger LOGIN;
END

# new(seed): makes writers that have no server yet.
sub new {
    my ($class, $seed) = @_;
    return bless { seed => $seed, folder => PostgreSQL::Test::Utils::tempdir('writers'), round => 0, running => [] }, $class;
}

# The topics of this round, and the topics that faults of the two rounds before have brought.
sub topics { my ($self) = @_; return (sort(keys %topics), sort keys %{ $self->{passing} }) }
sub topic { my ($self, $name) = @_; return $topics{$name} // $self->{passing}{$name} }

# The topic that may have one more partition; undef: the topic has all its partitions.
sub growing_topic {
    my ($topic) = grep { $topics{$_}{grows} && $topics{$_}{partitions} < $topics{$_}{grows} } sort keys %topics;
    return $topic;
}

# The relay's own topics, to which no event may go.
sub own_topics { return @own_topics }

sub prepare {
    my ($self, $node) = @_;
    $node->safe_psql('postgres', fixture(q{encode(sha256(payload), 'hex')}) . $fixture);
    my $values = join ', ', map { my $topic = $_; map { "('$topic', '$_')" } keys_of() } $self->topics;
    $node->safe_psql('postgres', "INSERT INTO counter VALUES $values" =~ s/VALUES/(topic, key) VALUES/r);
    return;
}

# Begins a round with empty books and empty tables.
sub begin_round {
    my ($self, $node, $round) = @_;
    $node->safe_psql('postgres', 'TRUNCATE ledger, audit');
    unlink glob "$self->{folder}/*";
    @$self{qw(round sessions)} = ($round, 0);
    for my $topic (keys %{ $self->{passing} }) {
        delete $self->{passing}{$topic} if $self->{passing}{$topic}{round} < $round - 2;
    }
    return;
}

# Starts sessions until this number runs. After the server has died, waits for the end of all sessions first, and ends their prepared transactions, which
# hold locks.
sub keep_running {
    my ($self, $node, $count) = @_;
    return if $self->{lost} && $self->running;
    $self->_resolve_prepared($node) if $self->{lost};
    $self->{lost} = 0;
    $self->_start($node) while $self->running < $count;
    return;
}

sub lose_server { $_[0]{lost} = 1; return }

sub running {
    my ($self) = @_;
    $self->{running} = [ grep { $_->alive } @{ $self->{running} } ];
    return scalar @{ $self->{running} };
}

# Waits for the end of all sessions, and ends prepared transactions.
sub finish {
    my ($self, $node) = @_;
    wait_until { !$self->running } 'writers do not end', 120;
    $self->_resolve_prepared($node);
    return;
}

sub _start {
    my ($self, $node) = @_;
    my $name = $self->_next_name;
    my $random = Outbox::Chaos::Random->new($self->{seed}, $name);
    return $self->_run($node, map { random_transaction($random, "$name-$_", \%topics) } 1 .. $transactions);
}

# Makes topics for one fault, with names that nobody has used. Returns name => description; the first topic's name sorts first.
sub new_topics {
    my ($self, $what, @topics) = @_;
    my $stem = "$what-$self->{round}-" . ++$self->{passing_count};
    my %new = map { ($_ ? "$stem-$_" : $stem) => { round => $self->{round}, %{ $topics[$_] } } } 0 .. $#topics;
    $self->{passing} = { %{ $self->{passing} // {} }, %new };
    return %new;
}

# Emits an event that Kafka will refuse (large, or keyless), with events around that one. The events right behind have topics that the relay has to look
# up, so that the relay is busy when the refusal comes.
sub start_poison {
    my ($self, $node, $how, $topic, @others) = @_;
    my @poison = $how eq 'large' ? ($topic, 30_000) : ($topic, 300, 'NULL');
    return $self->_start_events($node, [ $topic, @others ],
        [ [ $topic, 300 ], \@poison, (map { [ $topic, 300 + $_ ] } 1 .. 20), map { [ $_, 400 ] } @others ],
        map { [ [ $topic, 200 + $_ ] ] } 2 .. 20);
}

# Emits this number of events of a topic, each in a transaction.
sub start_events {
    my ($self, $node, $topic, $count) = @_;
    return $self->_start_events($node, [$topic], map { [ [ $topic, 200 + $_ ] ] } 1 .. $count);
}

# Starts a session with these transactions: lists of events, each topic, size and, where the key is not k01, SQL of the key.
sub _start_events {
    my ($self, $node, $topics, @transactions) = @_;
    my $name = $self->_next_name;
    $node->safe_psql('postgres', 'INSERT INTO counter(topic, key) VALUES ' . join(', ', map { "('$_', 'k01')" } @$topics) . ' ON CONFLICT DO NOTHING');
    my $number = 0;
    return $self->_run($node, map { plain_transaction($name . '-' . ++$number, @$_) } @transactions);
}

# Starts a transaction that writes a row and then sleeps for these seconds.
sub start_idle {
    my ($self, $node, $seconds) = @_;
    return $self->_spawn($node, 'idle', "BEGIN; INSERT INTO idle VALUES (1); SELECT pg_sleep($seconds); ROLLBACK;");
}

# Starts a role without rights that writes messages which are no events: with other prefixes, with texts that look like envelopes, and envelopes for the
# relay's own topics.
sub start_foreign {
    my ($self, $node, $count) = @_;
    my @forged = map { qq({"topic":"$_","key":"outbox\@1/postgres","id":"01900000-0000-7000-8000-000000000000","payload":{"a":1}}) } @own_topics;
    my @broken = ('', '{', '{"topic":"orders"', '{"topic":"orders"}x', "{\"topic\":\"orders\",\n\"payload\":1}", '[1]', '{"begin":"0/1"}', '{"commit":"0/1","events":1}');
    my $literals = join ', ', map { "('" . s/'/''/gr . "')" } @forged, @broken;
    return $self->_spawn($node, 'foreign', "SELECT count(pg_logical_emit_message(n % 5 > 0, 'stranger', 'x')) FROM generate_series(1, $count) n;"
        . "SELECT count(pg_logical_emit_message(true, 'outbox', content)) FROM (VALUES $literals) AS v(content);", 'stranger');
}

# Starts a role that may emit, and emits events for the relay's own topics.
sub start_own_topics {
    my ($self, $node, $count) = @_;
    my $topics = join ', ', map { "'$_'" } grep { !/^__/ } @own_topics;
    return $self->_spawn($node, 'own topics', "SELECT outbox.emit(topic, 'outbox\@1/postgres', '{\"a\":1}') FROM unnest(ARRAY[$topics]) topic, generate_series(1, $count);");
}

sub _spawn {
    my ($self, $node, $name, $sql, $user) = @_;
    return Outbox::Process->spawn(
        name => $name, command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $node->connstr('postgres'), $user ? ('-U', $user) : (), '-c', $sql ],
        stdout => '/dev/null', stderr => '/dev/null');
}

sub _next_name { my ($self) = @_; return "r$self->{round}w" . ++$self->{sessions} }

sub _run {
    my ($self, $node, @transactions) = @_;
    my $stem = "$self->{folder}/$self->{sessions}";
    PostgreSQL::Test::Utils::append_to_file("$stem.sql", join '', @transactions);
    push @{ $self->{running} }, my $session = Outbox::Process->spawn(
        name => 'writer', command => [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$stem.sql" ],
        env => { PGAPPNAME => 'writer' }, stdout => "$stem.out", stderr => "$stem.err");
    return $session;
}

sub _resolve_prepared {
    my ($self, $node) = @_;
    for my $gid (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts')) {
        my $end = $gid =~ /[13579]$/ ? 'COMMIT' : 'ROLLBACK';
        $node->safe_psql('postgres', "$end PREPARED '$gid'");
    }
    return;
}

# ---- the books ------------------------------------------------------------------------------------------------------

# The books, after finish(): transactions, events, and the names of committed transactions that no book has. Transactions: name => { outcome => ok, fail
# or unknown, committed => whether the database has the transaction }. An event: { id, txn, topic, key, seq, headers, payload (its SHA-256 in hex, or
# undef), committed }.
sub books {
    my ($self, $node) = @_;
    my (%transactions, @events);
    for my $session (1 .. $self->{sessions}) {
        open my $book, '<', "$self->{folder}/$session.out" or next;
        while (my $line = <$book>) {
            chomp $line;
            if ($line =~ /^event\t/) { push @events, event_of($line) }
            elsif ($line =~ /^begin (\S+)/) { $transactions{$1}{outcome} //= 'unknown' }
            elsif ($line =~ /^(ok|fail) (\S+)$/) { $transactions{$2}{outcome} = $1 }
        }
    }
    my %committed = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT txn FROM audit UNION ALL SELECT id::text FROM ledger');
    $transactions{$_}{committed} = $committed{$_} // 0 for keys %transactions;
    $_->{committed} = delete $committed{ $_->{id} } // 0 for @events;
    my @unheard = grep { !exists $transactions{$_} } keys %committed;
    return (\%transactions, \@events, \@unheard);
}

# The errors of the sessions, without those of a server that went away.
sub complaints {
    my ($self) = @_;
    my $gone = qr{terminating\ connection|server\ closed|no\ connection\ to|connection\ to\ server|shutting\ down|starting\ up|
        not\ yet\ accepting|recovery\ mode}x;
    return grep { /\b(?:ERROR|FATAL|PANIC|error):/ && !/$gone/ } map { split /\n/, slurp("$self->{folder}/$_.err") } 1 .. $self->{sessions};
}

1;
