# The schedule of faults, which is the same for the same seed. Kinds of fault are dealt like cards, so that each has its turn; or each has a round alone.
package Outbox::Chaos::Schedule;

use strict;
use warnings;

use List::Util qw(max);
use Outbox::Chaos::Random;

# The resources of a fault that limits the time in which a relay recovers: no other fault runs beside such a fault.
my @all = qw(relay pg pg_link broker kafka_link names);

# kind => [its cards in a deck, the resources that the fault occupies, its parameters]
my %kinds = (
    relay_kill => [ 22, ['relay'], sub { down => $_[0]->between(0, 0.7) } ],
    relay_stop => [ 5, ['relay'], sub { pause => _pause(@_) } ],
    relay_term => [ 5, ['relay'], sub { down => $_[0]->between(0, 0.5) } ],
    clock_jump => [ 2, ['relay'], sub { jumps => join ' ', map { $_[0]->pick(qw(+3600 -3600 +86400 -86400 +5 -5)) } 1 .. 3 } ],
    poison => [ 1, [qw(relay pg broker)], sub { how => $_[0]->pick(qw(large lowered compact)) } ],
    takeover => [ 2, ['relay'], sub { how => $_[0]->pick(qw(wait force)), pause => $_[0]->between(1, 3) } ],
    pg_crash => [ 5, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    pg_immediate => [ 2, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    pg_fast => [ 2, [qw(pg)], sub { down => $_[0]->between(0, 1) } ],
    pg_freeze => [ 1, [qw(pg)], sub { pause => _pause(@_) } ],
    pg_clock => [ 1, [qw(pg)], sub { days => $_[0]->pick(-2, 2), pause => $_[0]->between(1, 4) } ],
    map({ $_ => [ 1, [@all], sub { down => $_[0]->between(0.5, 3) } ] } qw(pg_password pg_certificate kafka_password kafka_certificate)),
    walsender_freeze => [ 2, [qw(pg)], sub { pause => _pause(@_) } ],
    open_transaction => [ 2, [], sub { pause => _pause(@_) } ],
    foreign_messages => [ 2, [qw(pg)], sub { count => 1000 + $_[0]->below(100_000) } ],
    own_topics => [ 2, [qw(pg)], sub { count => 1 + $_[0]->below(2000) } ],
    promotion => [ 1, [qw(pg)], sub { () } ],
    failover_slot => [ 1, [qw(pg relay)], sub { how => $_[0]->pick(qw(planned crash)) } ],
    names_dead => [ 2, [qw(names pg_link kafka_link)], sub { pause => _pause(@_) } ],
    broker_kill => [ 3, ['broker'], sub { node => _node(@_), down => $_[0]->between(0, 2) } ],
    broker_restart => [ 2, ['broker'], sub { node => _node(@_), down => $_[0]->between(0, 2) } ],
    broker_pause => [ 3, ['broker'], sub { node => _node(@_), pause => _pause(@_) } ],
    disk_full => [ 1, ['broker'], sub { down => $_[0]->between(1, 3) } ],
    topic_recreate => [ 1, [qw(relay broker kafka_link)], sub { topic => $_[0]->pick(qw(payments orders)) } ],
    map({ link_kinds($_) } qw(pg kafka)),
);

# The kinds of fault that need a cluster of brokers.
my %cluster_kinds = (
    brokers_below_minimum => [ 2, ['broker'], sub { nodes => _two_nodes(@_), down => $_[0]->between(1, 6) } ],
    rolling_restart => [ 1, ['broker'], sub { () } ],
    leader_kill => [ 2, ['broker'], sub { topic => $_[0]->pick(qw(__transaction_state outbox.state orders journal)), down => $_[0]->between(0, 3) } ],
    controller_kill => [ 2, ['broker'], sub { down => $_[0]->between(0, 3) } ],
    broker_island => [ 2, ['broker'], sub { node => _node(@_), pause => 2 + _pause(@_) } ],
    unclean_election => [ 1, [@all], sub { nodes => _two_nodes(@_) } ],
    partitions_added => [ 1, ['broker'], sub { () } ],
    reassignment => [ 1, ['broker'], sub { topic => $_[0]->pick(qw(orders payments)), without => _node(@_), pause => $_[0]->between(1, 4) } ],
);

sub _node { my ($random) = @_; return 1 + $random->below(3) }
sub _two_nodes { my ($random) = @_; return join ' ', ($random->shuffle(1 .. 3))[ 0, 1 ] }

# The seconds that a fault takes besides its pause, roughly: the schedule leaves the fault's resources alone for so long.
my %lasts = (
    relay_kill => 0.8, relay_term => 0.8, poison => 12, clock_jump => 6, takeover => 6, pg_fast => 2, promotion => 9, broker_kill => 10, broker_restart => 8,
    disk_full => 15, topic_recreate => 3, pg_cut => 4, kafka_cut => 4, pg_clock => 5, foreign_messages => 2, brokers_below_minimum => 15,
    pg_password => 5, pg_certificate => 5, kafka_password => 12, kafka_certificate => 20, failover_slot => 20, leader_kill => 14, unclean_election => 40,
    rolling_restart => 40, controller_kill => 14, broker_island => 8, partitions_added => 2, reassignment => 10,
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

# A pause, which is mostly short and at times the longest.
sub _pause {
    my ($random, $longest) = @_;
    return 1 + ($longest - 1) * $random->between(0, 1)**3;
}

sub _known { my ($is_cluster) = @_; return $is_cluster ? (%kinds, %cluster_kinds) : %kinds }
sub kinds { my ($class, $is_cluster) = @_; my %known = _known($is_cluster); return sort keys %known }

# new(seed => n, deck => {kind => cards}, without which all kinds are in the deck, max_pause => seconds, cluster => 1 where there is one,
# alone_s => the length of a fault in a round of its own)
sub new {
    my ($class, %options) = @_;
    my %known = _known($options{cluster});
    my $deck = $options{deck} // { map { $_ => $known{$_}[0] } keys %known };
    return bless { %options, known => \%known, deck => $deck, cards => [], decks => 0 }, $class;
}

# Takes kinds out of the deck, before the first round.
sub leave_out { my ($self, @kinds) = @_; delete @{ $self->{deck} }{@kinds}; return }

# The number of rounds in which each kind has a round alone.
sub rounds_alone { my ($self) = @_; return scalar keys %{ $self->{deck} } }

# The one fault of a round, of the length alone_s where the fault has a length. Alone, so that no later fault repairs what this fault has broken.
sub alone {
    my ($self, $number) = @_;
    my $kind = (sort keys %{ $self->{deck} })[ $number - 1 ];
    my $fault = $self->_fault($kind, 3, Outbox::Chaos::Random->new($self->{seed}, 'alone', $kind));
    exists $fault->{$_} and $fault->{$_} = $self->{alone_s} for qw(pause down);
    return $fault;
}

sub _fault {
    my ($self, $kind, $at, $random) = @_;
    my (undef, $resources, $parameters) = @{ $self->{known}{$kind} };
    return { at => $at, kind => $kind, resources => $resources, $parameters->($random, $self->{max_pause}) };
}

# The faults of one round: [{ at => seconds, kind, resources, parameters... }], in order.
sub round {
    my ($self, $number, $seconds) = @_;
    my $random = Outbox::Chaos::Random->new($self->{seed}, 'round', $number);
    my ($at, %free_at, @faults) = (1);
    while ($at < $seconds) {
        my $kind = $self->_deal;
        my $fault = $self->_fault($kind, $at, $random);
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
