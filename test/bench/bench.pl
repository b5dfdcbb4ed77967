# Measures the cases, the files of test/bench/case: bench.pl CASE... test/run starts it, and has installed the server before.
#
# BENCH_RUNS (5): the number of repetitions, whose median is the result. BENCH_SCALE (1): a factor for all sizes, for quick trials. BENCH_POINTS and
# BENCH_CANDIDATES: patterns for the points and candidates to measure. BENCH_RESULTS: the folder for table, JSON and picture.
package main;

my $screen;
BEGIN { open $screen, '>&', \*STDOUT or die $!; $screen->autoflush }    # PostgreSQL's test modules redirect STDOUT

use strict;
use warnings;

use FindBin;
use List::Util qw(min);
use lib $FindBin::RealBin, "$FindBin::RealBin/case";
use Bench::About qw(about);
use Bench::Picture qw(draw);
use Bench::Server;
use PostgreSQL::Test::Cluster;    # loaded here and not by a case, because it prepares itself before the program runs
use PostgreSQL::Test::Utils;

my $bench = bless { runs => $ENV{BENCH_RUNS} || 5, scale => $ENV{BENCH_SCALE} || 1, failed => 0 }, 'main';

sub runs { return $_[0]{runs} }
sub say { my ($self, $text) = @_; print $screen "# $text\n"; return }

# So many seconds, and fewer in a small run; a large one needs no more.
sub seconds {
    my ($self, $seconds) = @_;
    return $seconds * min(1, $self->{scale});
}

# A size times BENCH_SCALE, rounded to a multiple of `step`.
sub scaled {
    my ($self, $size, $step) = @_;
    $step //= 1;
    my $steps = int($size * $self->{scale} / $step);
    return $step * ($steps || 1);
}

# The points, or the candidates, whose names match the pattern.
sub chosen { my ($self, $points) = @_; return grep { $_->{name} =~ /$ENV{BENCH_POINTS}/ } @$points if $ENV{BENCH_POINTS}; return @$points }
sub candidates { my ($self, @all) = @_; return grep { $_->[0] =~ /$ENV{BENCH_CANDIDATES}/ } @all if $ENV{BENCH_CANDIDATES}; return @all }

sub measure {
    my ($self, $case) = @_;
    require "$case.pm";
    my $result = eval { $case->can('run')->($self) };
    my $error = $@;
    Bench::Server::stop_all();
    if (!$result) {
        print $screen "not ok - $case: $error";
        return $self->{failed}++;
    }
    print $screen "\n", $result->table, "\n";
    print $screen "# $_\n" for $result->notes;
    for my $verdict ($result->verdicts) {
        print $screen $verdict->{holds} ? 'ok' : 'not ok', " - $case: $verdict->{text}\n";
        $self->{failed}++ if !$verdict->{holds};
    }
    $self->keep($case, $result);
    return;
}

sub keep {
    my ($self, $case, $result) = @_;
    my $folder = $ENV{BENCH_RESULTS} // return;
    mkdir $folder;
    my $about = about($case, $self->{runs}, $self->{scale});
    open my $json, '>', "$folder/$case.json" or die "$folder/$case.json: $!\n";
    print $json $result->json(%$about);
    open my $text, '>', "$folder/$case.md" or die "$folder/$case.md: $!\n";
    print $text $result->table;
    close $_ for $json, $text;
    draw($result, "$folder/$case.svg");
    return;
}

$bench->measure($_) for @ARGV;
exit($bench->{failed} ? 1 : 0);
