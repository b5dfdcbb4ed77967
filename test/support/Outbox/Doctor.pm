# Runs outbox-relay doctor in a test, and carries out the repairs that it prints: psql runs a line that ends with ";", as the server's administrator,
# and a shell runs any other line.
package Outbox::Doctor;

use strict;
use warnings;

use Carp qw(croak);
use IPC::Run ();
use JSON::PP ();
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

# new(node, dsn => instead of the node's own as the relay's role, args => [...], tools => { name => text of a stand-in script },
# before => [...] words before the command).
sub new {
    my ($class, $node, %options) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('doctor');
    my $self = bless { node => $node, folder => $folder, dsn => $options{dsn} // $node->connstr('postgres') . ' user=relay', args => $options{args} // [] }, $class;
    mkdir "$folder/bin";
    symlink $ENV{OUTBOX_RELAY}, "$folder/bin/outbox-relay";
    $self->tool('sudo', 'exec "$@"');
    $self->tool($_, $options{tools}{$_}) for keys %{ $options{tools} // {} };
    return $self;
}

sub tool {
    my ($self, $name, $text) = @_;
    unlink "$self->{folder}/bin/$name";
    PostgreSQL::Test::Utils::append_to_file("$self->{folder}/bin/$name", "#!/bin/bash\n$text\n");
    chmod 0755, "$self->{folder}/bin/$name";
    return;
}

# Runs the doctor; returns (exit code, the JSON object).
sub examine {
    my ($self, @arguments) = @_;
    my ($out, $err) = ('', '');
    my @command = ($ENV{OUTBOX_RELAY}, 'doctor', '--json', '--dsn', $self->{dsn}, @{ $self->{args} }, @arguments);
    my ($command, $environment) = Outbox::Tls::secured(@command);
    local %ENV = (%ENV, %$environment);
    delete @ENV{ grep { /^OUTBOX_/ && $_ ne 'OUTBOX_PROPERTY' } keys %ENV };
    IPC::Run::run([ @{ $self->{before} // [] }, @$command ], '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(120));
    my $code = $? >> 8;
    my $report = eval { JSON::PP->new->decode($out) } // croak "doctor: exit code $code, it says: $out$err";
    $self->{report} = { map { $_->{check} => $_ } @{ $report->{checks} } };
    return ($code, $report);
}

# Runs the doctor until this check has this verdict: on a busy machine Kafka may answer later than the doctor waits. Returns what examine() does.
sub examine_until {
    my ($self, $check, $verdict) = @_;
    my @result;
    wait_until { @result = $self->examine; ($self->{report}{$check}{verdict} // '') eq $verdict } "$check: not $verdict", 90;
    return @result;
}

# In the last run this check has this verdict, and its sentence matches.
sub found {
    my ($self, $check, $verdict, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $finding = $self->{report}{$check} // { verdict => 'no such check', sentence => '' };
    my $fits = $finding->{verdict} eq $verdict && $finding->{sentence} =~ $pattern;
    ok($fits, "$check: $verdict") or diag "$finding->{verdict}: $finding->{sentence}";
    return $finding;
}

# Breaks something, expects the finding, carries out the printed repair, and expects the check to pass.
sub mends {
    my ($self, $check, %case) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $case{break}->();
    my ($code) = $self->examine(@{ $case{args} // [] });
    my $finding = $self->found($check, $case{verdict} // 'FAIL', $case{says});
    is($code, 10, "$check: exit code 10") if $finding->{verdict} eq 'FAIL';
    $case{between}->($finding) if $case{between};
    $self->repair($finding);
    $case{after}->() if $case{after};
    $self->examine(@{ $case{args_after} // $case{args} // [] });
    return $self->found($check, $case{repaired} // 'OK', $case{then} // qr/./);
}

sub repair {
    my ($self, $finding) = @_;
    my $node = $self->{node};
    ok(scalar @{ $finding->{repair} }, "$finding->{check}: there is something to paste");
    for my $line (@{ $finding->{repair} }) {
        if ($line =~ /;\s*$/) {
            my ($status, $out, $err) = $node->psql('postgres', $line);
            is($status, 0, "psql runs: $line") or diag "$out$err";
            next;
        }
        local $ENV{PATH} = "$self->{folder}/bin:$ENV{PATH}";
        local %ENV = %ENV;
        delete @ENV{ grep { /^OUTBOX_/ } keys %ENV };
        if ($line =~ /^outbox-relay run/) {
            push @{ $self->{running} }, Outbox::Process->spawn(name => $line, command => [ 'bash', '-c', "exec $line" ], stdout => "$self->{folder}/out", stderr => "$self->{folder}/err");
            $node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'}) or diag slurp("$self->{folder}/err");
            next;
        }
        my $said = '';
        ok(IPC::Run::run([ 'bash', '-c', $line ], '<', \'', '>', \$said, '2>&1', IPC::Run::timeout(120)), "a shell runs: $line") or diag $said;
    }
    $node->restart if $finding->{then} eq 'restart PostgreSQL';
    return;
}

# Ends relays that a repair has started.
sub end_relays {
    my ($self) = @_;
    for my $relay (splice @{ $self->{running} // [] }) {
        $relay->signal('TERM');
        $relay->wait_for_exit(30);
    }
    return;
}

1;
