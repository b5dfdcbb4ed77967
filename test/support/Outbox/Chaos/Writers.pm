# The load of a chaos run: psql sessions whose transactions have every fate and every kind of event, and who keep books of both.
#
# Each transaction writes a row of `audit`, each event a row of `ledger`, in the same transaction: what these tables hold is the truth. A
# book says begin, ok or fail of a transaction, as far as the session learned it, and each event with what must arrive of it.
# The row lock of a key's counter is held until the commit, so that the counter is the commit order of that key.
package Outbox::Chaos::Writers;

use strict;
use warnings;

use Outbox::Chaos::Random;
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Utils;

# Partitions, and what the topic's own limit of a batch is.
my %topics = (
    orders => { partitions => 6 },
    growing => { partitions => 1, grows => 8 },    # to so many at most; a key of it does not keep its partition
    payments => { partitions => 3 },
    journal => { partitions => 1 },
    small => { partitions => 2, max_bytes => 60_000 },
);
my @own_topics = qw(outbox.state outbox.dead-letter __consumer_offsets);
my @keys = ((map { sprintf 'k%02d', $_ } 1 .. 10), '', 'ключ "1"');
my $transactions = 60;    # of a session

my $fixture = <<'END';
CREATE TABLE counter(topic text, key text, seq bigint NOT NULL DEFAULT 0, PRIMARY KEY (topic, key)) WITH (fillfactor = 10);
CREATE TABLE ledger(id uuid PRIMARY KEY);
CREATE TABLE audit(txn text PRIMARY KEY);
CREATE TABLE idle(n int);
CREATE ROLE stranger LOGIN;

-- One event, its row, and what the checker must know of it. kind: json, bytes or tombstone.
CREATE FUNCTION act(txn text, topic_ text, key_ text, kind text, size int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
    id uuid;
    payload bytea;
    event_type text := CASE WHEN size % 2 = 0 THEN 'made' END;
    headers jsonb := CASE WHEN size % 3 = 0 THEN jsonb_build_object('trace', txn, 'ä"', 'ö\') END;
BEGIN
    UPDATE counter c SET seq = c.seq + 1 WHERE c.topic = topic_ AND c.key = key_ RETURNING c.seq INTO place;
    IF kind = 'json' THEN
        payload := convert_to(CASE WHEN size < 40 THEN rpad('1', size, '7')
            ELSE rpad(format('{"txn":"%s","pad":"', txn), size - 2, 'outbox ') || '"}' END, 'UTF8');
        id := outbox.emit(topic_, key_, convert_from(payload, 'UTF8'), event_type, headers);
    ELSIF kind = 'bytes' THEN
        payload := substr(decode(repeat('00ff7b0a', size / 4 + 1), 'hex'), 1, size);
        id := outbox.emit(topic_, key_, payload, event_type, headers);
    ELSE
        id := outbox.emit(topic_, key_, NULL::text, event_type, headers);
    END IF;
    INSERT INTO ledger VALUES (id);
    RETURN concat_ws(E'\t', 'event', txn, id, topic_, coalesce('=' || key_, '-'), coalesce(place, 0), coalesce(event_type, '-'),
        CASE WHEN headers IS NULL THEN '-' ELSE txn END, coalesce(encode(sha256(payload), 'hex'), '-'));
END $$;
END

# new(seed): knows no server yet.
sub new {
    my ($class, $seed) = @_;
    return bless { seed => $seed, folder => PostgreSQL::Test::Utils::tempdir('writers'), round => 0, running => [] }, $class;
}

# The topics of this round and, where poisoned events had theirs, of the two before.
sub topics { my ($self) = @_; return (sort(keys %topics), sort keys %{ $self->{poisoned} }) }
sub topic { my ($self, $name) = @_; return $topics{$name} // $self->{poisoned}{$name} }

# The topic that may have one more partition; undef: it has all.
sub growing_topic {
    my ($topic) = grep { $topics{$_}{grows} && $topics{$_}{partitions} < $topics{$_}{grows} } sort keys %topics;
    return $topic;
}

# Topics that no event may have.
sub own_topics { return @own_topics }

sub prepare {
    my ($self, $node) = @_;
    $node->safe_psql('postgres', $fixture);
    my $values = join ', ', map { my $topic = $_; map { "('$topic', '$_')" } @keys } $self->topics;
    $node->safe_psql('postgres', "INSERT INTO counter VALUES $values" =~ s/VALUES/(topic, key) VALUES/r);
    return;
}

# A new round: empty books, empty tables.
sub begin_round {
    my ($self, $node, $round) = @_;
    $node->safe_psql('postgres', 'TRUNCATE ledger, audit');
    unlink glob "$self->{folder}/*";
    @$self{qw(round sessions)} = ($round, 0);
    for my $topic (keys %{ $self->{poisoned} }) {
        delete $self->{poisoned}{$topic} if $self->{poisoned}{$topic}{round} < $round - 2;
    }
    return;
}

# Starts sessions until so many run. What they left prepared in a server that died holds locks: it is resolved when the last is gone.
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

# Until all sessions have come to their end, with nothing left prepared.
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
    return $self->_run($node, map { _transaction($random, "$name-$_") } 1 .. $transactions);
}

# Topics for one poisoned event, by name: the first will not take it, the others are new to everybody.
sub next_poisoned_topics {
    my ($self) = @_;
    my $stem = "poisoned-$self->{round}-" . ++$self->{poisons};
    my %new = ($stem => { partitions => 2 }, map { ("$stem-$_" => { partitions => 1 }) } 1 .. 5);
    $_->{round} = $self->{round} for values %new;
    %{ $self->{poisoned} } = (%{ $self->{poisoned} // {} }, %new);
    return %new;
}

# An event that its topic will not take (large, or keyless), with others around it. What comes right behind it has topics that the relay
# has to look up, so that it is busy with them when the refusal comes.
sub start_poison {
    my ($self, $node, $how, $topic, @others) = @_;
    my $name = $self->_next_name;
    my @keys = map { "('$_', 'k01')" } $topic, @others;
    $node->safe_psql('postgres', 'INSERT INTO counter(topic, key) VALUES ' . join ', ', @keys);
    my $transaction = sub {
        my ($name, @events) = @_;
        my $acts = join '', map { sprintf "SELECT act('%s', '%s', %s, 'json', %d);\n", $name, $_->[0], $_->[2] // "'k01'", $_->[1] } @events;
        return "\\echo begin $name\nBEGIN;\nINSERT INTO audit VALUES ('$name');\n${acts}COMMIT;\n\\echo ok $name\n";
    };
    my @poison = $how eq 'large' ? ($topic, 30_000) : ($topic, 300, 'NULL');
    $self->_run($node, $transaction->("$name-1", [ $topic, 300 ], \@poison, (map { [ $topic, 300 + $_ ] } 1 .. 20),
            map { [ $_, 400 ] } @others),
        map { $transaction->("$name-$_", [ $topic, 200 + $_ ]) } 2 .. 20);
    $self->{poison} = $self->{running}[-1];
    return;
}

# A transaction that writes a row and then nothing for so many seconds.
sub start_idle {
    my ($self, $node, $seconds) = @_;
    return $self->_spawn($node, 'idle', "BEGIN; INSERT INTO idle VALUES (1); SELECT pg_sleep($seconds); ROLLBACK;");
}

# Messages that are no events, by a role that has no rights: others' prefixes, what looks like an envelope and is none, and envelopes for
# the topics in which relays keep their own records.
sub start_foreign {
    my ($self, $node, $count) = @_;
    my @forged = map { qq({"topic":"$_","key":"outbox\@1/postgres","id":"01900000-0000-7000-8000-000000000000","payload":{"a":1}}) } @own_topics;
    my @broken = ('', '{', '{"topic":"orders"', '{"topic":"orders"}x', "{\"topic\":\"orders\",\n\"payload\":1}", '[1]', '{"begin":"0/1"}', '{"commit":"0/1","events":1}');
    my $literals = join ', ', map { "('" . s/'/''/gr . "')" } @forged, @broken;
    return $self->_spawn($node, 'foreign', "SELECT count(pg_logical_emit_message(n % 5 > 0, 'stranger', 'x')) FROM generate_series(1, $count) n;"
        . "SELECT count(pg_logical_emit_message(true, 'outbox', content)) FROM (VALUES $literals) AS v(content);", 'stranger');
}

sub _spawn {
    my ($self, $node, $name, $sql, $user) = @_;
    return Outbox::Process->spawn(
        name => $name, command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $node->connstr('postgres'), $user ? ('-U', $user) : (), '-c', $sql ],
        stdout => '/dev/null', stderr => '/dev/null');
}

sub poison_is_written { return !$_[0]{poison}->alive }

sub _next_name { my ($self) = @_; return "r$self->{round}w" . ++$self->{sessions} }

sub _run {
    my ($self, $node, @transactions) = @_;
    my $stem = "$self->{folder}/$self->{sessions}";
    PostgreSQL::Test::Utils::append_to_file("$stem.sql", join '', @transactions);
    push @{ $self->{running} }, Outbox::Process->spawn(
        name => 'writer', command => [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$stem.sql" ],
        env => { PGAPPNAME => 'writer' }, stdout => "$stem.out", stderr => "$stem.err");
    return;
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

# After finish: (transactions, events). A transaction, by name: { outcome => ok, fail or unknown, committed => whether the database has
# it }. An event: { id, txn, topic, key, seq, headers, payload (its SHA-256 in hex, or undef), committed }.
sub books {
    my ($self, $node) = @_;
    my (%transactions, @events);
    for my $session (1 .. $self->{sessions}) {
        open my $book, '<', "$self->{folder}/$session.out" or next;
        while (my $line = <$book>) {
            chomp $line;
            if ($line =~ /^event\t/) { push @events, _event_of($line) }
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

# What sessions complained of, other than that the server went away.
sub complaints {
    my ($self) = @_;
    my $gone = qr{terminating\ connection|server\ closed|no\ connection\ to|connection\ to\ server|shutting\ down|starting\ up|
        not\ yet\ accepting|recovery\ mode}x;
    return grep { /\b(?:ERROR|FATAL|PANIC|error):/ && !/$gone/ } map { split /\n/, slurp("$self->{folder}/$_.err") } 1 .. $self->{sessions};
}

sub _event_of {
    my ($line) = @_;
    my (undef, $txn, $id, $topic, $key, $seq, $type, $trace, $payload) = split /\t/, $line, -1;
    my @headers = ([ id => $id ]);
    push @headers, [ type => $type ] if $type ne '-';
    push @headers, [ 'ä"' => 'ö\\' ], [ trace => $trace ] if $trace ne '-';    # jsonb orders its members by length
    my $has_key = $key =~ s/^=//;
    return {
        id => $id, txn => $txn, topic => $topic, key => $has_key ? $key : undef, seq => $has_key ? $seq : undef,
        headers => \@headers, payload => $payload eq '-' ? undef : $payload,
    };
}

# ---- what a session does --------------------------------------------------------------------------------------------

sub _transaction {
    my ($random, $name) = @_;
    my $pause = sprintf "SELECT pg_sleep(%.3f);\n", $random->between(0, 0.04);
    my @events = _events($random, $name);
    if ($random->chance(0.2) && @events) {    # a part within a savepoint, kept or undone
        my $undone = $random->chance(0.6);
        my $part = $random->below(scalar @events);
        $events[$part] =~ s/'\Q$name\E'/'$name-undone'/g if $undone;
        $events[$part] = "SAVEPOINT s;\n$events[$part]" . ($undone ? "ROLLBACK TO s;\n" : "RELEASE s;\n");
    }
    # One that others overtake, with nothing that they could wait for.
    @events = (_event($random, $name, 'orders'), sprintf("SELECT pg_sleep(%.2f);\n", $random->between(0.2, 1.5)))
        if $random->chance(0.02);
    my $body = "\\echo begin $name\nBEGIN;\nINSERT INTO audit VALUES ('$name');\n" . join '', @events;
    my $fate = $random->below(100);
    return "$body${pause}ROLLBACK;\n\\echo fail $name\n" if $fate < 27;
    return "${body}COMMIT;\n\\echo ok $name\n$pause" if $fate < 92;
    my ($end, $outcome) = $random->chance(0.6) ? ('COMMIT', 'ok') : ('ROLLBACK', 'fail');
    return "${body}PREPARE TRANSACTION '$name';\n$pause$end PREPARED '$name';\n\\echo $outcome $name\n";
}

# Keys are locked in one order, so that writers never meet in a deadlock.
sub _events {
    my ($random, $name) = @_;
    my $count = $random->chance(0.1) ? 0 : $random->chance(0.3) ? 2 + $random->below(10) : 1;
    my @places = map { [ $random->pick(sort keys %topics), $random->pick(@keys) ] } 1 .. $count;
    @places = sort { "@$a" cmp "@$b" } @places;
    return map { _event($random, $name, $_->[0], $random->chance(0.1) ? () : $_->[1]) } @places;
}

# Without a key where none is given.
sub _event {
    my ($random, $name, $topic, $key) = @_;
    my $kind = defined $key ? $random->pick(qw(json json json json bytes tombstone)) : $random->pick(qw(json json bytes));
    my $size = _size($random, $kind, $topic);
    my $literal = defined $key ? "'$key'" : 'NULL';
    my $many = $size < 400 && $random->chance(0.01) ? 'FROM generate_series(1, ' . (50 + $random->below(400)) . ')' : '';
    return "SELECT act('$name', '$topic', $literal, '$kind', $size) $many;\n";
}

sub _size {
    my ($random, $kind, $topic) = @_;
    my $most = $topics{$topic}{max_bytes} ? $topics{$topic}{max_bytes} / 2 : $kind eq 'bytes' ? 650_000 : 890_000;
    my $class = $random->below(1000);
    return 1 + $random->below(3) if $class < 50;
    return 1 + $random->below(400) if $class < 850;
    return 1 + $random->below(20_000) if $class < 990 || $most < 100_000;
    return $most - $random->below(1000) if $class >= 998;
    return 1 + $random->below($most);
}

1;
