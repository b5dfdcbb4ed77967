# The pages for readers are short, README leads to each of them, their links and the files that they name exist, and their tables have what the
# code has. 090_docs.t runs their commands.
use strict;
use warnings;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use Outbox::Page;
use Outbox::Process qw(slurp);
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
require "$project/test/bench/Bench/Figures.pm";

my %page = map { substr($_, length "$project/") => Outbox::Page->read($_) } map({ "$project/$_.md" } qw(README CHANGELOG CONTRIBUTING SECURITY)), glob("$project/docs/*.md $project/docs/how-to/*.md");

# ---- size and form ------------------------------------------------------------------------------------------------------

for my $name (sort keys %page) {
    my $limit = $name eq 'README.md' ? 150 : 200;
    my $lines = $page{$name}->text =~ tr/\n//;
    cmp_ok($lines, '<=', $limit, "$name has at most $limit lines");
    is_deeply([ map { $_->{line} } grep { $_->{language} eq '' } $page{$name}->blocks ], [], 'each of its blocks names its language');
    is_deeply([ $page{$name}->prose =~ /(?:\A|\n\n)( {4}(?![-*\d]).*)/g ], [], 'and there are no others');
    my @marks = grep { !/^(?:not run: .+|run: (?:as \w+|stays until ".+"|exits \d+, .+|while no relay has the slot|writes no event)|checked as (?:--property-file|--config|--dsn|pg_hba\.conf)|shows)$/ } map { $_->{mark} || () } $page{$name}->blocks;
    is_deeply(\@marks, [], 'their marks are known');
}

# ---- links --------------------------------------------------------------------------------------------------------------

my @broken;
for my $name (sort keys %page) {
    for my $link ($page{$name}->links) {
        next if $link =~ m{^https?://};
        my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/ or next;
        my $target = $path eq '' ? $name : substr(abs_path(dirname("$project/$name") . "/$path") // '', length "$project/");
        my $is_there = -e "$project/$target" && $target ne '';
        $is_there &&= grep { $_ eq $anchor } ($page{$target} // Outbox::Page->read("$project/$target"))->anchors if $is_there && defined $anchor;
        push @broken, "$name: $link" if !$is_there;
    }
}
is_deeply(\@broken, [], 'links lead to pages and headings that exist');
my %in_readme = map { (s/#.*//r => 1) } $page{'README.md'}->links;
is_deeply([ grep { !$in_readme{$_} } sort grep { m{^docs/[^/]+$} } keys %page ], [], "README's index has every page of docs/");

# ---- files that pages name ----------------------------------------------------------------------------------------------

# Paths in code quotes, alone or within a command, whose first folder is one of the tree's.
my %in_tree = map { ($_ => 1) } map { basename($_) } grep { -d } glob "$project/*";
for my $name (sort keys %page) {
    next if $name eq 'CHANGELOG.md';    # its files may be gone
    my @paths = map { m{(?<![\w/.-])(\w+/[\w./-]*)}g } $page{$name}->prose =~ /`([^`]+)`/g;
    my @missing = grep { !-e "$project/$_" } grep { m{^(\w+)/} && $in_tree{$1} && $1 ne 'build' } @paths;
    is_deeply(\@missing, [], "$name names files that exist");
}

# Each row of the failure matrix names a test.
my ($kinds) = slurp("$project/test/support/Outbox/Chaos/Schedule.pm");
my @rows = grep { !/^\| (?:when|---)/ && !/^\|---/ } grep { /^\|/ } split /\n/, $page{'docs/failures.md'}->text;
cmp_ok(scalar @rows, '>=', 29, 'the failure matrix has its rows');
for my $row (@rows) {
    my @cells = map { s/^\s+|\s+$//gr } split /\|/, $row;
    my $shown = $cells[-1];
    my @tests = grep { -e "$project/$_" } $shown =~ /`([\w\/.]+)`/g;
    my @chaos = grep { $kinds =~ /\b$_\b/ } $shown =~ /chaos `(\w+)`/g;
    my $named = () = $shown =~ /`/g;
    ok(@tests + @chaos > 0 && 2 * (@tests + @chaos) == $named, "\"$cells[1]\" is shown by a test that exists") or diag $shown;
}

# ---- tables that follow the code -----------------------------------------------------------------------------------------

# Compares two lists as sets.
sub same {
    my ($page_says, $code_says, $what) = @_;
    my %seen;
    my @sides = map { my $side = $_; my %of = map { ($_ => 1) } @$side; [ sort keys %of ] } $page_says, $code_says;
    cmp_ok(scalar @{ $sides[1] }, '>', 2, "$what: found in the code");
    return is_deeply(@sides, "$what: the page has those of the code");
}

sub table_of { my ($name, $heading) = @_; my ($part) = $page{$name}->text =~ /^## $heading\n(.*?)(?=^## |\z)/ms; return grep { /^\|/ } split /\n/, $part }

my $metrics = slurp("$project/relay/watch/metrics.cpp");
same([ map { /^\| ([^|]*) \|/ ? $1 =~ /`(\w+)/g : () } grep { !/^\| metric/ } table_of('docs/operating.md', 'Metrics') ],
    [ 'process_', $metrics =~ /(?:counter|gauge|begin|add_timestamp|add_labelled)\((?:families, |MetricType::\w+, )?"(\w+)"/g ], 'metrics');

my ($status) = grep { /^enum class RelayState /m } map { slurp($_) } glob "$project/relay/*/status.h";
my ($ready) = grep { m{^\| `/readyz` } } split /\n/, $page{'docs/operating.md'}->text;
same([ grep { !/^503$/ } $ready =~ /(?:200 |: |, )`([\w ]+)`/g ], [ $status =~ /case RelayState::\w+: return "([\w ]+)"/g ], 'states');

my %code = slurp("$project/relay/base/exit_code.h") =~ /^    (\w+) =\s+(\d+),/mg;
same([ map { /^\| (\d+) \|/ } table_of('docs/relay.md', 'Exit codes') ], [ values %code ], 'exit codes');

same([ map { /^\| `(outbox\.\w+)`/ } table_of('docs/emit.md', 'Settings') ], [ slurp("$project/outbox_ext/module.cpp") =~ /Variable\("(outbox\.\w+)",/g ], 'settings');

# PostgreSQL itself raises 25000 in a parallel worker. The plugin raises a syntax error (42601) for its options only, and nobody expects XX000.
chomp(my $share = `pg_config --sharedir`);
my %sqlstate = map { /^(\w{5}) +[ESW] +(ERRCODE_\w+)/ ? ($2 => $1) : () } split /\n/, slurp("$share/errcodes.txt");
my %raised = map { ($sqlstate{$_} => 1) } grep { $_ ne 'ERRCODE_TO_CATEGORY' } map { /\b(ERRCODE_\w+)/g } map { slurp($_) } glob "$project/outbox_ext/*.cpp $project/outbox_ext/contract/*.cpp";
delete @raised{qw(42601 XX000)};
same([ grep { $_ ne '25000' } map { /^\| ([^|]+)/ ? $1 =~ /\b(\w{5})\b/g : () } grep { !/SQLSTATE/ } table_of('docs/emit.md', 'Errors') ], [ keys %raised ], 'SQLSTATEs');

my ($locked) = slurp("$project/relay/kafka/properties.cpp") =~ /locked = .*?\(\{\n(.*?)^\}\);/ms;
my $synonyms = qr/^(?:max\.in\.flight.*|request\.required\.acks|delivery\.timeout\.ms|message\.send\.max\.retries|metadata\.broker\.list)$/;    # "five requests in flight" and other names
my ($properties) = $page{'docs/relay.md'}->text =~ /^Locked, because.*?\n\n/ms ? $& : '';
same([ grep { $_ ne 'allow.auto.create.topics' } map { s/=.*//r } $properties =~ /`([a-z][\w.=]+)`/g ], [ grep { !/$synonyms/ } $locked =~ /^    \{"([\w.]+)"/mg ], 'locked properties');

my $suites = join ' ', slurp("$project/test/run") =~ /^(?:more_)?suites=\((.*?)\)/mg;
same([ map { /^\| (\w+) \|/ && $1 ne 'suite' ? $1 : () } table_of('CONTRIBUTING.md', 'Run one test') ], [ split ' ', $suites ], 'suites');

# README shows sentences of the demo's own script.
my ($shown) = grep { /curl/ } map { $_->{text} } $page{'README.md'}->blocks;
my $demo = slurp("$project/docker/demo") . slurp("$project/docker/orders/main.cpp");
is_deeply([ grep { index($demo, $_) < 0 } map { s/:$//r } grep { /^\S/ } split /\n/, $shown ], [], "README shows the demo's own sentences");

# ---- figures ------------------------------------------------------------------------------------------------------------

my $readme = slurp("$project/README.md");    # as bytes
my @runs = Bench::Figures::runs("$project/test/bench/runs");
for my $part ([ bench => 'figures', Bench::Figures::table(@runs) ], [ ratios => 'ratios', Bench::Figures::ratios(@runs) ]) {
    my ($mark, $what, $text) = @$part;
    my ($shown) = $readme =~ /^<!-- $mark -->\n(.*?)^<!-- \/$mark -->$/ms;
    is($shown, $text, "README's $what are those of the runs in test/bench/runs");
}

done_testing();
