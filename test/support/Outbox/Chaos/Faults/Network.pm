# The faults of the links from the relay to PostgreSQL and to Kafka, and of the host names of both.
package Outbox::Chaos::Faults::Network;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);

sub _link {
    my ($self, $end, $what, $fault) = @_;
    my $proxy = $self->{stage}->proxy;
    my ($argument) = grep { defined } @$fault{qw(ms bytes way)}, '';
    my @links = $self->{stage}->links($end);
    return (
        at_once(sub { $proxy->command($_, $what, $argument) for @links }),
        after($fault->{pause} // ($what eq 'cut' ? 4 : 0)),
        at_once(sub { $proxy->command($_, 'heal') for @links }));
}

# The name server does not answer, and the relay has to look the names up, since every connection is cut.
sub _names_dead {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    return (
        at_once(sub { $stage->names->die($_) for $stage->host_names; $stage->reset_links(qw(pg kafka)) }),
        after($fault->{pause}),
        at_once(sub { $stage->names->live($_) for $stage->host_names }));
}

1;
