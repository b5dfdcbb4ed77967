# A chaos run of the delivery OUTBOX_CHAOS_DELIVERY, with SEED, DURATION and DECK (kinds of fault; default: all). BROKERS=3: with a cluster of three
# brokers. ALONE=75: each kind of fault in a round of its own, for this many seconds. With a mutant (OUTBOX_CHAOS_MUTANT, built as OUTBOX_CHAOS_RELAY)
# the run must find the bug within two minutes, by the faults that the patch names.
use strict;
use warnings;

use Outbox::Chaos;
use Outbox::Process qw(slurp);
use Test::More;

my $seed = $ENV{SEED} || (time ^ $$ << 8) % 2**31;
my $mutant = $ENV{OUTBOX_CHAOS_MUTANT};
my ($number, $unit) = ($ENV{DURATION} || '30s') =~ /^(\d+)([smh]?)$/ or die "DURATION is a number of s, m or h\n";
my %options = (
    delivery => $ENV{OUTBOX_CHAOS_DELIVERY} || 'at-least-once', seed => $seed, folder => 'build/chaos',
    seconds => $number * { '' => 1, s => 1, m => 60, h => 3600 }->{$unit},
    cluster => ($ENV{BROKERS} // 1) == 3, alone_s => $ENV{ALONE},
);

# The deck, the number of faults of each kind: "relay_kill=5 pg_crash=1".
sub deck {
    my ($cards) = @_;
    my %deck = map { split /=/ } split / /, $cards;
    my %known = map { $_ => 1 } Outbox::Chaos::Schedule->kinds($options{cluster});
    $known{$_} or die "no such fault: $_\n" for keys %deck;
    return \%deck;
}

sub deck_of {
    my ($name) = @_;
    my ($cards) = slurp("test/chaos/mutants/$name.patch") =~ /^Deck: (.*)$/m or die "$name names no deck\n";
    return deck($cards);
}

if ($mutant) {
    diag "SEED=$seed MUTANT=$mutant";
    my $start = time;
    my $chaos = Outbox::Chaos->new(%options, name => $mutant, program => $ENV{OUTBOX_CHAOS_RELAY}, deck => deck_of($mutant),
        rounds => 4, round_s => 20);
    my @violations = grep { $_->[0] =~ /^I[1-6]$/ || $_->[1] =~ /^the relay took \d+ kB/ } $chaos->run;
    ok(scalar @violations, "$mutant: caught") and diag "$mutant broke $violations[0][0]: $violations[0][1]";
    cmp_ok(time - $start, '<', 120, "$mutant: within two minutes");
}
else {
    my $what = $options{alone_s} ? "each fault alone for $options{alone_s} s" : "$options{seconds} s of faults";
    diag "SEED=$seed DELIVERY=$options{delivery}, $what", $options{cluster} ? ', three brokers' : '';
    my $chaos = Outbox::Chaos->new(%options, $ENV{DECK} ? (deck => deck($ENV{DECK})) : ());
    $chaos->run;
    $chaos->report;
}
done_testing();
