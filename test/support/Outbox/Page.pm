# A page of the documentation, read: its blocks of code, its links, its headings.
#
# A block is fenced and names its language. Blocks of sh and sql are commands, all others are shown only. What a reader has to know beside the
# text of a block stands in an HTML comment on the line above it, and is the whole of what a page can ask for:
#
#   <!-- not run: REASON -->            cannot be run in a test; its syntax is looked at
#   <!-- run: as ROLE -->               SQL of that role, not of the superuser
#   <!-- run: stays until "TEXT" -->    goes on until the end of the page; its output has TEXT first
#   <!-- run: exits N, REASON -->       its exit status is N
#   <!-- run: while no relay has the slot -->   what stays is ended first
#   <!-- run: writes no event -->       SQL after which the slot has no more events than before
#   <!-- checked as WHAT -->            lines for something else than a shell: --property-file, --dsn (each line), pg_hba.conf
#   <!-- shows -->                      above a block of text: its lines are in the output of the block before
package Outbox::Page;

use strict;
use warnings;

use Outbox::Process qw(slurp);

# read(path): its text must be there.
sub read {
    my ($class, $path) = @_;
    my $text = slurp($path);
    die "no page $path\n" if $text eq '';
    return bless { path => $path, text => $text }, $class;
}

sub text { return $_[0]{text} }

# In the page's order: {line, language, mark, text}. The mark is the comment's text, or empty.
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

# Targets of its links, as they stand there.
sub links { return $_[0]->prose =~ /\]\(([^)\s]+)\)/g }

# The anchors that a reader's browser knows, made of the headings as GitHub makes them.
sub anchors {
    my ($self) = @_;
    return map { lc =~ s/[^\w\- ]//gr =~ tr/ /-/r } $self->prose =~ /^#+ (.*)$/gm;
}

1;
