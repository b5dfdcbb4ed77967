# The same as prove, with a count that test/run can read: harness.pl SUPPORT POSTGRESQL JOBS FILE... A file that ends badly without a failed test is a
# failure, and so is a suite that was cut off. Files that did not run, and skipped tests, are listed in the file that SKIPPED names.
use strict;
use warnings;
use TAP::Harness;
use TAP::Parser::Aggregator;
my ($support, $pg, $jobs, @files) = @ARGV;
my $results = TAP::Parser::Aggregator->new;
my $tests = TAP::Harness->new({lib => [$support, $pg], timer => 1, failures => 1, jobs => $jobs});
my $whole = eval {
    local $SIG{TERM} = sub { die "cut off\n" };
    $results->start;
    $tests->aggregate_tests($results, @files);
    $results->stop;
    1;
};
print $@ if !$whole;
$tests->summary($results) if $whole;
my $failed = $results->failed + !$whole;
my (%ran, @skipped);
for my $file ($results->descriptions) {
    my ($parser) = $results->parsers($file);
    $ran{$file} = 1;
    $failed++ if $parser->has_problems && !$parser->failed;
    push @skipped, "$file: " . $parser->skip_all if $parser->skip_all;
    push @skipped, "$file: " . scalar($parser->skipped) . " tests" if $parser->skipped;
}
push @skipped, map { "$_: cut off" } grep { !$ran{$_} } @files;
open my $skipped, ">>", $ENV{SKIPPED};
print {$skipped} map { "$_\n" } @skipped;
printf "counted: %d passed, %d failed\n", scalar $results->passed, $failed;
exit($failed ? 1 : 0);
