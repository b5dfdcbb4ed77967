# Random numbers that depend on their seed alone: not on Perl's rand(), which others use, and not on the order of what happens.
package Outbox::Chaos::Random;

use strict;
use warnings;

use Digest::SHA qw(sha256);

# new(seed, words...): other words give another sequence.
sub new {
    my ($class, @seed) = @_;
    my $state = unpack 'q', sha256("@seed");
    return bless \$state, $class;
}

# An integer from 0 to limit - 1.
sub below {
    my ($self, $limit) = @_;
    use integer;
    $$self = $$self * 6364136223846793005 + 1442695040888963407;
    return ($$self >> 33 & 0x7fffffff) % $limit;
}

sub chance { my ($self, $probability) = @_; return $self->below(1_000_000) < 1_000_000 * $probability }
sub between { my ($self, $from, $to) = @_; return $from + ($to - $from) * $self->below(1_000_000) / 1_000_000 }
sub pick { my ($self, @choices) = @_; return $choices[ $self->below(scalar @choices) ] }

sub shuffle {
    my ($self, @items) = @_;
    for my $last (reverse 1 .. $#items) {
        my $other = $self->below($last + 1);
        @items[ $last, $other ] = @items[ $other, $last ];
    }
    return @items;
}

1;
