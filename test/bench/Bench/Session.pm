# A psql that stays connected, so that a query every few milliseconds needs no login.
package Bench::Session;

use strict;
use warnings;

use IPC::Open2 qw(open2);

sub new {
    my ($class, $connstr) = @_;
    my $pid = open2(my $answers, my $questions, qw(psql -XAtq -v ON_ERROR_STOP=1 -d), $connstr);
    return bless { pid => $pid, answers => $answers, questions => $questions }, $class;
}

sub close {
    my ($self) = @_;
    CORE::close($self->{questions});
    waitpid $self->{pid}, 0;
    return;
}

# Runs a query and returns the lines of the result; dies after an error, which psql has printed on standard error.
sub query {
    my ($self, $sql) = @_;
    print { $self->{questions} } "$sql;\n\\echo :end:\n";
    $self->{questions}->flush;
    my @lines;
    while (defined(my $line = readline $self->{answers})) {
        chomp $line;
        return join "\n", @lines if $line eq ':end:';
        push @lines, $line;
    }
    die "psql ended at: $sql\n";
}

1;
