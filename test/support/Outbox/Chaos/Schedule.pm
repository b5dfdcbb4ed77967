# What goes wrong, and when: the same for the same seed. Kinds are dealt like cards, so that each has its turn.
package Outbox::Chaos::Schedule;

use strict;
use warnings;

use List::Util qw(max);
use Outbox::Chaos::Random;

# kind => [how many of a deck, what it occupies, its parameters]
my %kinds = (
    relay_kill => [ 22, ['relay'], sub { down => $_[0]->between(0, 0.7) } ],
    relay_stop => [ 5, ['relay'], sub { pause => _pause(@_) } ],
    relay_term => [ 5, ['relay'], sub { down => $_[0]->between(0, 0.5) } ],
    clock_jump => [ 2, ['relay'], sub { jumps => join ' ', map { $_[0]->pick(qw(+3600 -3600 +86400 -86400 +5 -5)) } 1 .. 3 } ],
    poison => [ 1, [qw(relay pg broker)], sub { () } ],
    takeover => [ 2, ['relay'], sub { how => $_[0]->pick(qw(wait force)), pause => $_[0]->between(1, 3) } ],
    pg_crash => [ 5, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    pg_immediate => [ 2, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    pg_fast => [ 2, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    promotion => [ 1, [qw(pg)], sub { () } ],
    broker_kill => [ 3, ['broker'], sub { down => $_[0]->between(0, 2) } ],
    broker_restart => [ 2, ['broker'], sub { down => $_[0]->between(0, 2) } ],
    broker_pause => [ 3, ['broker'], sub { pause => _pause(@_) } ],
    disk_full => [ 1, ['broker'], sub { down => $_[0]->between(1, 3) } ],
    topic_recreate => [ 1, [qw(relay broker kafka_link)], sub { topic => $_[0]->pick(qw(payments orders)) } ],
    map({ link_kinds($_) } qw(pg kafka)),
);

# How long they take, about, besides their own pauses: what they occupy is left alone meanwhile.
my %lasts = (
    relay_kill => 0.8, relay_term => 0.8, poison => 12, clock_jump => 6, takeover => 6, pg_fast => 2, promotion => 9, broker_kill => 10, broker_restart => 8,
    disk_full => 15, topic_recreate => 3, pg_cut => 4, kafka_cut => 4,
);

sub link_kinds {
    my ($end) = @_;
    my $link = ["${end}_link"];
    return (
        "${end}_delay" => [ 2, $link, sub { ms => 20 + $_[0]->below(400), pause => $_[0]->between(1, 4) } ],
        "${end}_cut" => [ 2, $link, sub { bytes => 1 + $_[0]->below(200_000) } ],
        "${end}_silence" => [ 2, $link, sub { way => $_[0]->pick(qw(up down both)), pause => _pause(@_) } ],
        "${end}_reset" => [ 2, $link, sub { () } ],
        "${end}_refuse" => [ 1, $link, sub { pause => $_[0]->between(0.5, 3) } ],
        "${end}_forget" => [ 1, $link, sub { () } ],
    );
}

# Mostly short, and at times the longest.
sub _pause {
    my ($random, $longest) = @_;
    return 1 + ($longest - 1) * $random->between(0, 1)**3;
}

sub kinds { return sort keys %kinds }
sub resources { return $kinds{ $_[1] }[1] }

# new(seed => n, deck => {kind => how many} or nothing for all, max_pause => seconds)
sub new {
    my ($class, %options) = @_;
    my $deck = $options{deck} // { map { $_ => $kinds{$_}[0] } keys %kinds };
    return bless { %options, deck => $deck, cards => [], decks => 0 }, $class;
}

# The faults of one round: [{ at => seconds, kind, resources, parameters... }], in order.
sub round {
    my ($self, $number, $seconds) = @_;
    my $random = Outbox::Chaos::Random->new($self->{seed}, 'round', $number);
    my ($at, %free_at, @faults) = (1);
    while ($at < $seconds) {
        my $kind = $self->_deal;
        my $fault = { at => $at, kind => $kind, resources => $kinds{$kind}[1], $kinds{$kind}[2]->($random, $self->{max_pause}) };
        $at += $random->chance(0.3) ? $random->between(0, 0.2) : $random->between(0.3, 1.5);
        $fault->{at} = max($fault->{at}, map { $free_at{$_} // 0 } @{ $fault->{resources} });
        my $end = $fault->{at} + ($lasts{$kind} // 0.5) + ($fault->{down} // 0) + ($fault->{pause} // 0);
        next if $end > $seconds + 10;
        @free_at{ @{ $fault->{resources} } } = ($end) x @{ $fault->{resources} };
        push @faults, $fault;
    }
    @faults = sort { $a->{at} <=> $b->{at} } @faults;
    return @faults;
}

sub _deal {
    my ($self) = @_;
    if (!@{ $self->{cards} }) {
        my $random = Outbox::Chaos::Random->new($self->{seed}, 'deck', ++$self->{decks});
        $self->{cards} = [ $random->shuffle(map { ($_) x $self->{deck}{$_} } sort keys %{ $self->{deck} }) ];
    }
    return shift @{ $self->{cards} };
}

1;
