# The files, asserting functions and tests that docs/architecture.md names exist, and the page's table of allowed includes is that of
# test/support/arrows.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Outbox::Page;
use Outbox::Process qw(slurp);
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $page = Outbox::Page->read("$project/docs/architecture.md");
sub lines_of { my ($mark) = @_; my ($part) = $page->text =~ /^<!-- $mark -->\n(.*?)^<!-- \/$mark -->$/ms; return grep { !/^\| (?:invariant|folder) \||^\|---/ } split /\n/, $part }
sub cells { return map { s/^\s+|\s+$//gr } (split /\|/, shift)[ 1 .. 3 ] }

my ($picture) = grep { $_->{language} eq 'mermaid' } $page->blocks;
my @steps = $picture->{text} =~ m{((?:outbox_ext|relay)/[\w/]+\.(?:cpp|h))}g;
cmp_ok(scalar @steps, '>=', 15, 'the picture names the files of the way');
is_deeply([ grep { !-e "$project/$_" } @steps ], [], 'and they are there');

# ---- invariants ---------------------------------------------------------------------------------------------------------

my $units = join '', map { slurp($_) } glob "$project/test/unit/*.cpp";
my %gtest;
while ($units =~ /\bTEST(?:_F|_P)?\((\w+),\s*(\w+)\)/g) { $gtest{"$1.$2"} = 1 }
my $kinds = slurp("$project/test/support/Outbox/Chaos/Schedule.pm");
# A definition begins a line and has a body; a call does not.
sub defines { my ($text, $function) = @_; return $text =~ /^\s*(?!if\b|while\b|return\b|for\b)(?:[\w:<>,&* ]+[ *&])?(?:\w+::)?$function\([^;{]*\)[^;{]*\{/m }

my @invariants = lines_of('invariants');
cmp_ok(scalar @invariants, '>=', 15, 'the invariants are there');
for my $row (@invariants) {
    my ($always, $asserted, $shown) = cells($row);
    my (@wrong, $text);
    for my $name ($asserted =~ /`([^`]+)`/g) {
        if ($name =~ /^(\w+)\(\)$/) { push @wrong, "$name is not defined in its file" if !defines($text // '', $1) }
        elsif (-e "$project/$name") { $text = slurp("$project/$name") }
        else { push @wrong, "no file $name" }
    }
    my @tests = $shown =~ /`([^`]+)`/g;
    push @wrong, 'no test' if !@tests;
    my %chaos = map { $_ => 1 } $shown =~ /chaos `(\w+)`/g;
    push @wrong, map { "no test $_" } grep { !($chaos{$_} ? $kinds =~ /^\s+$_ => \[/m : m{/} ? -e "$project/$_" : $gtest{$_}) } @tests;
    is_deeply(\@wrong, [], $always);
}

# ---- who may know whom --------------------------------------------------------------------------------------------------

my %may = map { my ($folder, undef, $others) = cells($_); ($folder =~ tr/`//dr => { map { ($_ => 1) } $others =~ /`([^`]+)`/g }) } lines_of('arrows');
my %is = map { ($_ => 1) } map { m{/relay/([^/]+)} } glob "$project/relay/*";
is_deeply([ sort keys %may ], [ sort keys %is ], 'the table has the folders of relay/');
my ($pure, $table) = slurp("$project/test/support/arrows") =~ /^(my \@pure = .*?;)\n.*?^my %may_know = (\(.*?^\));$/ms;
my %allowed = eval "$pure $table";    ## no critic: it is a table in Perl
my %page_says = map { $_ => [ sort keys %{ $may{$_} } ] } keys %may;
is_deeply(\%page_says, { map { $_ => [ sort @{ $allowed{$_} } ] } keys %allowed }, 'and says what test/support/arrows keeps');

done_testing();
