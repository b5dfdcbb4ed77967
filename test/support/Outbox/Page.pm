# A page of the documentation, parsed: its blocks of code, its links, its headings.
#
# A block is fenced and names its language. Blocks of sh and sql are commands that 090_docs.t runs; other blocks are text. An HTML comment on the line
# above a block, the mark, says how to run the block, and is one of:
#
#   <!-- not run: REASON -->            the test checks the block's syntax only
#   <!-- run: as ROLE -->               psql runs the SQL as this role, not as the superuser
#   <!-- run: stays until "TEXT" -->    the command prints TEXT and runs until the end of the page
#   <!-- run: exits N, REASON -->       the exit code is N
#   <!-- run: while no relay has the slot -->   the test ends running commands first
#   <!-- run: writes no event -->       after the SQL the slot has no more events than before
#   <!-- checked as WHAT -->            lines for another program than a shell: --property-file, --config, --dsn (each line), pg_hba.conf
#   <!-- shows -->                      the lines of this block are in the output of the block before
package Outbox::Page;

use strict;
use warnings;

use Outbox::Process qw(slurp);

# read(path): parses the page; dies where there is none.
sub read {
    my ($class, $path) = @_;
    my $text = slurp($path);
    die "no page $path\n" if $text eq '';
    return bless { path => $path, text => $text }, $class;
}

sub text { return $_[0]{text} }

# The blocks in the page's order: {line, language, mark, text}. The mark is empty where there is none.
sub blocks {
    my ($self) = @_;
    my (@blocks, $open);
    my ($number, $before) = (0, '');
    for my $line (split /\n/, $self->{text}) {
        $number++;
        if ($open) {
            if ($line =~ /^```$/) { push @blocks, $open; undef $open }
            else { $open->{text} .= "$line\n" }
        }
        elsif (my ($language) = $line =~ /^```(\w*)$/) {
            my ($mark) = $before =~ /^<!-- (.*) -->$/;
            $open = { line => $number, language => $language, mark => $mark // '', text => '' };
        }
        $before = $line;
    }
    die "$self->{path}: the block of line $open->{line} has no end\n" if $open;
    return @blocks;
}

# The text between the blocks.
sub prose {
    my ($self) = @_;
    return $self->{text} =~ s/^```.*?^```$//gmsr;
}

# The targets of the page's links, as written.
sub links { return $_[0]->prose =~ /\]\(([^)\s]+)\)/g }

# The anchors of the headings, as GitHub makes them.
sub anchors {
    my ($self) = @_;
    return map { lc =~ s/[^\w\- ]//gr =~ tr/ /-/r } $self->prose =~ /^#+ (.*)$/gm;
}

1;
