# The project's own TCP proxy between the relay and its two ends (test/chaos/proxy/main.cpp has the commands). OUTBOX_PROXY is the program.
package Outbox::Proxy;

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(basename);
use IO::Handle;
use Outbox::Process qw(wait_until slurp);
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# new(name => target port or [address, port, target port], ...): runs, each link on the given address and port, or on a free port of its own.
sub new {
    my ($class, %targets) = @_;
    croak 'OUTBOX_PROXY is not set' if !$ENV{OUTBOX_PROXY};
    my $folder = PostgreSQL::Test::Utils::tempdir('proxy');
    my %port = map { $_ => ref $targets{$_} ? $targets{$_}[1] : PostgreSQL::Test::Cluster::get_free_port() } keys %targets;
    my $log = "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.t') . '_proxy.log';
    mkfifo("$folder/commands", 0600) or croak "mkfifo: $!";
    open my $commands, '+<', "$folder/commands" or croak "commands: $!";    # read and write, or the open would wait for the reader
    $commands->autoflush;
    my $process = Outbox::Process->spawn(
        name => 'proxy', command => [ $ENV{OUTBOX_PROXY}, map { "$_=" . (ref $targets{$_} ? join(':', @{ $targets{$_} }) : "$port{$_}:$targets{$_}") } sort keys %targets ],
        stdin => "$folder/commands", stdout => "$folder/answers", stderr => $log);
    my $self = bless { process => $process, commands => $commands, answers => "$folder/answers", port => \%port, given => 0 }, $class;
    $self->_await_answer('start');
    return $self;
}

sub port { my ($self, $name) = @_; return $self->{port}{$name} }

# Sends one command; returns when the proxy has carried it out.
sub command {
    my ($self, @words) = @_;
    print { $self->{commands} } "@words\n" or croak "proxy: $!";
    $self->_await_answer("@words");
    return;
}

sub _await_answer {
    my ($self, $what) = @_;
    my $number = $self->{given}++;
    my @answers;
    wait_until { @answers = split /\n/, slurp($self->{answers}); @answers > $number || !$self->{process}->alive } 'the proxy answers', 10;
    my $answer = $answers[$number] // sprintf 'it has ended, with exit code %d and signal %d', $self->{process}->status >> 8, $self->{process}->status & 127;
    croak "proxy: $what: $answer" if $answer ne 'ok';
    return;
}

1;
