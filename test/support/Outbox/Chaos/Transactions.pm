# The SQL of a chaos run's sessions, for psql: transactions with every fate and every kind of event. The sessions print the books, which
# Outbox::Chaos::Writers reads.
package Outbox::Chaos::Transactions;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(keys_of random_transaction plain_transaction);

my @keys = ((map { sprintf 'k%02d', $_ } 1 .. 10), '', 'ключ "1"');

sub keys_of { return @keys }

# A transaction with events of these topics (name => { max_bytes }).
sub random_transaction {
    my ($random, $name, $topics) = @_;
    my $pause = sprintf "SELECT pg_sleep(%.3f);\n", $random->between(0, 0.04);
    my @events = _events($random, $name, $topics);
    if ($random->chance(0.2) && @events) {    # a part within a savepoint, kept or undone
        my $undone = $random->chance(0.6);
        my $part = $random->below(scalar @events);
        $events[$part] =~ s/'\Q$name\E'/'$name-undone'/g if $undone;
        $events[$part] = "SAVEPOINT s;\n$events[$part]" . ($undone ? "ROLLBACK TO s;\n" : "RELEASE s;\n");
    }
    # A long transaction without a lock that others wait for, so that others overtake this one.
    @events = (_event($random, $name, 'orders', $topics), sprintf("SELECT pg_sleep(%.2f);\n", $random->between(0.2, 1.5)))
        if $random->chance(0.02);
    my $body = _begin($name) . join '', @events;
    my $fate = $random->below(100);
    return "$body${pause}ROLLBACK;\n\\echo fail $name\n" if $fate < 27;
    return "${body}COMMIT;\n\\echo ok $name\n$pause" if $fate < 92;
    my ($end, $outcome) = $random->chance(0.6) ? ('COMMIT', 'ok') : ('ROLLBACK', 'fail');
    return "${body}PREPARE TRANSACTION '$name';\n$pause$end PREPARED '$name';\n\\echo $outcome $name\n";
}

# A transaction that commits. Events are [topic, size, SQL of the key, without which the key is k01].
sub plain_transaction {
    my ($name, @events) = @_;
    my $acts = join '', map { sprintf "SELECT act('%s', '%s', %s, 'json', %d);\n", $name, $_->[0], $_->[2] // "'k01'", $_->[1] } @events;
    return _begin($name) . "${acts}COMMIT;\n\\echo ok $name\n";
}

sub _begin { my ($name) = @_; return "\\echo begin $name\nBEGIN;\nINSERT INTO audit VALUES ('$name');\n" }

# Keys are locked in one order, so that writers never meet in a deadlock.
sub _events {
    my ($random, $name, $topics) = @_;
    my $count = $random->chance(0.1) ? 0 : $random->chance(0.3) ? 2 + $random->below(10) : 1;
    my @places = map { [ $random->pick(sort keys %$topics), $random->pick(@keys) ] } 1 .. $count;
    @places = sort { "@$a" cmp "@$b" } @places;
    return map { _event($random, $name, $_->[0], $topics, $random->chance(0.1) ? () : $_->[1]) } @places;
}

# An event; without a key where the caller gives none.
sub _event {
    my ($random, $name, $topic, $topics, $key) = @_;
    my $kind = defined $key ? $random->pick(qw(json json json json bytes tombstone)) : $random->pick(qw(json json bytes));
    my $size = _size($random, $kind, $topics->{$topic}{max_bytes});
    my $literal = defined $key ? "'$key'" : 'NULL';
    my $many = $size < 400 && $random->chance(0.01) ? 'FROM generate_series(1, ' . (50 + $random->below(400)) . ')' : '';
    return "SELECT act('$name', '$topic', $literal, '$kind', $size) $many;\n";
}

sub _size {
    my ($random, $kind, $max_bytes) = @_;
    my $most = $max_bytes ? $max_bytes / 2 : $kind eq 'bytes' ? 650_000 : 890_000;
    my $class = $random->below(1000);
    return 1 + $random->below(3) if $class < 50;
    return 1 + $random->below(400) if $class < 850;
    return 1 + $random->below(20_000) if $class < 990 || $most < 100_000;
    return $most - $random->below(1000) if $class >= 998;
    return 1 + $random->below($most);
}

1;
