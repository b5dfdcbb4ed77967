# Writers for Outbox::Checker: several psql sessions run transactions of every kind (committed, rolled back, rolled back to a savepoint, prepared and
# then committed or rolled back), and record the outcome of each.
#
# Every event has a row in a table, written in the same transaction, which the session prints. The session prints the outcome once it knows it. Where
# the server died before, the table has the outcome.
package Outbox::Workload;

use strict;
use warnings;

use File::Basename qw(basename);
use MIME::Base64 qw(decode_base64);
use Outbox::Books qw(event_of fixture);
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Utils;

my @topics = qw(orders payments);
my $keys = 12;

# The node must have the extension and a slot.
sub new {
    my ($class, $node) = @_;
    $node->safe_psql('postgres', fixture(q{translate(encode(payload, 'base64'), E'\n', '')}));
    $node->safe_psql('postgres', "INSERT INTO counter SELECT '$_', 'k' || to_char(n, 'FM00') FROM generate_series(1, $keys) n") for @topics;
    my $stem = "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.t') . '_' . $node->name . '_writer';
    return bless { node => $node, stem => $stem, sessions => 0, running => [] }, $class;
}

sub topics { return @topics }

# Starts this many sessions with this many transactions each, at most 2,000 a second. The sessions end after their transactions, or with the server.
sub start {
    my ($self, $sessions, $transactions) = @_;
    for (1 .. $sessions) {
        my $stem = $self->{stem} . ++$self->{sessions};
        PostgreSQL::Test::Utils::append_to_file("$stem.sql", _script("w$self->{sessions}", $transactions));
        push @{ $self->{running} }, Outbox::Process->spawn(
            name => 'writer', command => [ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->{node}->connstr('postgres'), '-f', "$stem.sql" ],
            env => { PGAPPNAME => 'writer' }, stdout => "$stem.out", stderr => "$stem.err");
    }
    return;
}

# Ends the sessions, also in the middle of a transaction, and ends prepared transactions.
sub stop {
    my ($self) = @_;
    my $end = q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'};
    $self->{node}->safe_psql('postgres', $end) if $self->running;
    $self->wait;
    $self->commit_prepared;
    return;
}

# Waits until the sessions have ended.
sub wait {
    my ($self) = @_;
    wait_until { !$self->running } 'writers do not end';
    return;
}

sub running {
    my ($self) = @_;
    $self->{running} = [ grep { $_->alive } @{ $self->{running} } ];
    return scalar @{ $self->{running} };
}

# Ends prepared transactions, which survive their session and keep their locks: call it before writers start again.
sub commit_prepared {
    my ($self) = @_;
    my $gids = $self->{node}->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
    $self->{node}->safe_psql('postgres', "COMMIT PREPARED '$_'") for split /\n/, $gids;
    return;
}

# The number of events that are committed so far.
sub committed { return $_[0]{node}->safe_psql('postgres', 'SELECT count(*) FROM ledger') }

# The history for Outbox::Checker. Call it after stop or wait.
sub transactions {
    my ($self) = @_;
    my %transactions;
    for my $session (1 .. $self->{sessions}) {
        _read_book(\%transactions, slurp("$self->{stem}$session.out"));
    }
    my $committed = $self->{node}->safe_psql('postgres', 'SELECT DISTINCT txn FROM ledger');
    my %committed = map { $_ => 1 } split /\n/, $committed;
    for my $name (keys %transactions) {
        my $outcome = $committed{$name} ? 'ok' : 'fail';
        my $told = $transactions{$name}{outcome} // $outcome;
        die "$name: the writer was told $told, the database says $outcome\n" if $told ne $outcome;
        $transactions{$name}{outcome} = $outcome;
    }
    return [ map { { name => $_, outcome => $transactions{$_}{outcome}, events => $transactions{$_}{events} // [] } } sort keys %transactions ];
}

# A line is an event, or "ok NAME", or "fail NAME".
sub _read_book {
    my ($transactions, $book) = @_;
    for my $line (split /\n/, $book) {
        if ($line =~ /^(ok|fail) (\S+)$/) {
            $transactions->{$2}{outcome} = $1;
            next;
        }
        my $event = event_of($line);
        my $payload = delete $event->{payload};
        $event->{value} = defined $payload ? decode_base64($payload) : undef;
        push @{ $transactions->{ $event->{txn} }{events} }, $event;
    }
    return;
}

sub _script {
    my ($session, $transactions) = @_;
    my $pause = "SELECT pg_sleep(0.005) \\g /dev/null\n";    # so that the transactions of a fast machine do not end before the fault
    return join '', map { _transaction("$session-$_") . ($_ % 10 ? '' : $pause) } 1 .. $transactions;
}

sub _transaction {
    my ($name) = @_;
    my $fate = rand;
    my $events = _events($name, 1 + (rand() < 0.3) * int rand 8);
    return "BEGIN;\n${events}ROLLBACK;\n\\echo fail $name\n" if $fate < 0.2;
    return "BEGIN;\n$events" . _prepared($name) if $fate < 0.25;
    $events .= "SAVEPOINT s;\n" . _event("$name-undone", $topics[0]) . "ROLLBACK TO s;\n\\echo fail $name-undone\n" if $fate < 0.35;
    return "BEGIN;\n${events}COMMIT;\n\\echo ok $name\n";
}

sub _prepared {
    my ($name) = @_;
    my ($end, $outcome) = rand() < 0.7 ? ('COMMIT', 'ok') : ('ROLLBACK', 'fail');
    return "PREPARE TRANSACTION '$name';\n$end PREPARED '$name';\n\\echo $outcome $name\n";
}

# Each transaction locks its keys in the same order, so that writers cause no deadlock.
sub _events {
    my ($name, $count) = @_;
    my @places = sort map { sprintf "%s\tk%02d", $topics[ rand @topics ], 1 + rand $keys } 1 .. $count;
    return join '', map { _event($name, split /\t/) } @places;
}

# Every tenth event has no key.
sub _event {
    my ($name, $topic, $key) = @_;
    my $size = rand() < 0.01 ? 100_000 + int rand 200_000 : 1 + int rand 400;
    return "SELECT act('$name', '$topic', NULL, 'json', $size);\n" if !$key || rand() < 0.1;
    my $kind = (qw(json json json bytes tombstone))[ rand 5 ];
    return "SELECT act('$name', '$topic', '$key', '$kind', $size);\n";
}

1;
