# Changes of passwords and certificates: the server's side changes first, the relay's files a while later. The relay uses the new files within a minute,
# without a signal.
package Outbox::Chaos::Faults::Credentials;

use strict;
use warnings;

use Outbox::Chaos::Steps qw(after at_once);

my $patience_s = 60;

# Changes the server's side (`change`: steps), makes the relay log in again, and changes the relay's files (`write`).
sub _rotation {
    my ($self, $end, $fault, $change, $write) = @_;
    return (
        @$change, at_once(sub { $self->{stage}->reset_links($end) }), after($fault->{down}), at_once($write),
        $self->within($patience_s, 'I7', "a relay takes up what has changed: $fault->{kind}", $self->_all_delivered));
}

sub _pg_password {
    my ($self, $fault) = @_;
    my ($stage, $word) = ($self->{stage}, $self->_next_word);
    return $self->_rotation('pg', $fault, [ at_once(sub { $stage->secrets->change_password($stage->node, $word) }) ],
        sub { $stage->secrets->write_password($word) });
}

sub _pg_certificate {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    return $self->_rotation('pg', $fault, [ at_once(sub { $stage->secrets->make_certificate('pg'); $stage->node->reload }) ],
        sub { $stage->secrets->write_authority('pg') });
}

# Kafka keeps the passwords of its users, and refuses the old one at the next login.
sub _kafka_password {
    my ($self, $fault) = @_;
    my ($stage, $word) = ($self->{stage}, $self->_next_word);
    my $change;
    return $self->_rotation('kafka', $fault,
        [
            at_once(sub { $change = $stage->broker(1)->begin_password_change('relay', $word) }),
            # Kafka's tool gives up where the brokers are slow, and the old password stays: the step then starts the tool again.
            $self->within(60, 'I8', 'Kafka changes a password', sub {
                my $status = $change->status;
                return '' if !defined $status;
                $change = $stage->broker(1)->begin_password_change('relay', $word) if $status != 0;
                return $status == 0;
            }),
        ],
        sub { $stage->secrets->write_kafka_password($word) });
}

# A broker reads its certificate when it starts.
sub _kafka_certificate {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    return $self->_rotation('kafka', $fault,
        [
            at_once(sub { $stage->secrets->make_certificate('kafka') }),
            map { ($self->_stop_broker($_), $self->_launch($_, 'in-sync')) } $stage->broker_ids,
        ],
        sub { $stage->secrets->write_authority('kafka') });
}

sub _next_word { my ($self) = @_; return 'word' . ++$self->{words} }

1;
