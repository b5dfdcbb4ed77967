# A cluster of Patroni: an etcd, and three members of one PostgreSQL cluster, each in a folder of its own. The slot "outbox" is one of Patroni's
# permanent slots, which Patroni creates on the primary, copies to the other members and advances there.
package Outbox::Patroni;

use strict;
use warnings;

use Carp qw(croak);
use File::Basename qw(basename dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Outbox::Node;
use Outbox::Process qw(wait_until slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

sub _log { my ($name) = @_; return "$PostgreSQL::Test::Utils::log_path/" . basename($0, ".t") . "_$name.log" }

# The program that is missing on this machine, or undef.
sub missing {
    my @missing = grep { system("command -v $_ >/dev/null") } qw(patroni etcd);
    push @missing, 'python3-etcd' if system('/usr/bin/python3 -c "import etcd" 2>/dev/null');
    return join ', ', @missing;
}

# new(members => n, plugin => the slot's plugin; undef: no slot yet, see keep_slot): a cluster that is not started yet.
sub new {
    my ($class, %options) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('patroni');
    my $port = \&PostgreSQL::Test::Cluster::get_free_port;
    my $self = bless { folder => $folder, etcd_port => $port->(), plugin => exists $options{plugin} ? $options{plugin} : 'outbox' }, $class;
    for my $number (1 .. $options{members} // 3) {
        my %member = (name => "member$number", port => $port->(), api => $port->(), folder => "$folder/member$number");
        mkdir $member{folder};
        $self->{members}{ $member{name} } = \%member;
        $self->_configure(\%member);
    }
    return $self;
}

sub start {
    my ($self) = @_;
    my $client = "http://127.0.0.1:$self->{etcd_port}";
    my $peer = 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
    $self->{etcd} = Outbox::Process->spawn(
        name => 'etcd', stdout => _log("etcd"), stderr => _log("etcd"),
        command => [ 'etcd', '--name', 'it', '--data-dir', "$self->{folder}/etcd", '--unsafe-no-fsync', '--listen-client-urls', $client, '--advertise-client-urls', $client,
            '--listen-peer-urls', $peer, '--initial-advertise-peer-urls', $peer, '--initial-cluster', "it=$peer" ]);
    wait_until { HTTP::Tiny->new(timeout => 2)->get("$client/health")->{content} =~ /"true"/ } 'etcd is healthy';
    my $plugin = delete $self->{plugin};
    $self->start_member($_) for $self->members;
    $self->wait_for_members;
    $self->keep_slot($plugin) if $plugin;
    return $self;
}

sub start_member {
    my ($self, $name) = @_;
    my $member = $self->{members}{$name};
    $member->{process} = Outbox::Process->spawn(
        name => $name, command => [ '/usr/bin/python3', '/usr/bin/patroni', "$member->{folder}/patroni.yml" ],
        stdout => _log($name), stderr => _log($name));
    return;
}

# Waits until there is a primary, and every other member streams from it and has a copy of the slot.
sub wait_for_members {
    my ($self) = @_;
    my $wanted = keys %{ $self->{members} };
    wait_until {
        my %state;
        for my $member ($self->_list) {
            $state{leader} += $member->{role} eq 'leader' && $member->{state} eq 'running';
            $state{others} += $member->{role} ne 'leader' && $member->{state} =~ /\A(?:running|streaming)\z/ && ($member->{lag} // '') eq '0';
        }
        ($state{leader} // 0) == 1 && ($state{others} // 0) == $wanted - 1 && (!$self->{plugin} || $wanted == grep { $self->_has_slot($_) } keys %{ $self->{members} });
    } 'all members run', 150;
    return;
}

# From now on the slot "outbox" is one of Patroni's permanent slots. Returns when all members have it.
sub keep_slot {
    my ($self, $plugin) = @_;
    $self->{plugin} = $plugin;
    my $primary = $self->{members}{ $self->primary };
    my $answer = HTTP::Tiny->new(timeout => 60)->request(PATCH => "http://127.0.0.1:$primary->{api}/config",
        { content => qq({"slots":{"outbox":{"type":"logical","database":"postgres","plugin":"$plugin"}}}), headers => { 'Content-Type' => 'application/json' } });
    croak "config: $answer->{content}" if !$answer->{success};
    $self->wait_for_members;
    return;
}

# The name of the primary.
sub primary {
    my ($self) = @_;
    return wait_until { (map { $_->{name} } grep { $_->{role} eq 'leader' && $_->{state} eq 'running' } $self->_list)[0] } 'there is a primary', 90;
}

sub members { return sort keys %{ $_[0]{members} } }

# A connection string for whichever member is the primary.
sub connstr {
    my ($self) = @_;
    my @members = map { $self->{members}{$_} } $self->members;
    return 'host=' . join(',', ('127.0.0.1') x @members) . ' port=' . join(',', map { $_->{port} } @members) . ' dbname=postgres target_session_attrs=read-write';
}

# Runs a statement on the primary, or on the given member, as the superuser.
sub sql {
    my ($self, $statement, $name) = @_;
    my $where = $name ? "host=127.0.0.1 port=$self->{members}{$name}{port} dbname=postgres" : $self->connstr;
    my ($out, $err) = ('', '');
    my $ok = IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', "$where user=postgres connect_timeout=3", '-c', $statement ], '<', \'', '>', \$out, '2>', \$err);
    croak $err if !$ok;
    chomp $out;
    return $out;
}

# A planned switchover to a member that has all WAL of the primary.
sub switchover {
    my ($self) = @_;
    my $primary = $self->primary;
    my $answer;
    wait_until {
        $answer = HTTP::Tiny->new(timeout => 60)->post("http://127.0.0.1:$self->{members}{$primary}{api}/switchover",
            { content => qq({"leader":"$primary"}), headers => { 'Content-Type' => 'application/json' } });
        $answer->{success} || $answer->{status} != 412
    } 'a member can take over';
    croak "switchover: $answer->{content}" if !$answer->{success};
    return $primary;
}

# Kills the primary's server with all its children; the member's Patroni lives on.
sub kill_server {
    my ($self) = @_;
    my $primary = $self->primary;
    _kill_postmaster($self->{members}{$primary});
    return $primary;
}

# Kills Patroni and server of the primary, as when the machine dies. Patroni dies first, so that it does not see the server's death.
sub kill_machine {
    my ($self) = @_;
    my $primary = $self->primary;
    $self->{members}{$primary}{process}->kill_nine;
    _kill_postmaster($self->{members}{$primary});
    return $primary;
}

sub stop {
    my ($self) = @_;
    for my $name ($self->members) {
        my $member = $self->{members}{$name};
        $member->{process}->kill_nine;
        eval { _kill_postmaster($member) };
    }
    $self->{etcd}->kill_nine;
    return;
}

sub DESTROY { my ($self) = @_; local ($?, $@); eval { $self->stop }; return }

sub _kill_postmaster {
    my ($member) = @_;
    my ($postmaster) = slurp("$member->{folder}/data/postmaster.pid") =~ /\A(\d+)/ or return;
    kill 'STOP', $postmaster;    # so that it starts no child meanwhile
    kill 'KILL', $postmaster, Outbox::Node::children($postmaster);
    return;
}

sub _has_slot {
    my ($self, $name) = @_;
    return eval { $self->sql(q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'outbox'}, $name) } || 0;
}

sub _list {
    my ($self) = @_;
    for my $member (values %{ $self->{members} }) {
        my $answer = HTTP::Tiny->new(timeout => 5)->get("http://127.0.0.1:$member->{api}/cluster");
        return @{ decode_json($answer->{content})->{members} } if $answer->{success};
    }
    return;
}

# Patroni removes settings that it does not know from its own list of parameters, so this one is in a file of its own.
sub _allow_plugin {
    my ($self, $member) = @_;
    open my $conf, '>', "$member->{folder}/custom.conf" or croak $!;
    print {$conf} "output_plugin_libraries = 'pgoutput, outbox'\n" if Outbox::Node::has_plugin_list() && ($self->{plugin} // '') eq 'outbox';
    close $conf or croak $!;
    return;
}

sub _configure {
    my ($self, $member) = @_;
    my ($postgres) = grep { -x "$_/postgres" } split /:/, $ENV{PATH};
    $self->_allow_plugin($member);
    open my $file, '>', "$member->{folder}/patroni.yml" or croak $!;
    print {$file} <<"END_YAML";
scope: outbox
name: $member->{name}
restapi:
  listen: 127.0.0.1:$member->{api}
  connect_address: 127.0.0.1:$member->{api}
etcd3:
  host: 127.0.0.1:$self->{etcd_port}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 3
    master_start_timeout: 0
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: logical
        hot_standby: on
        wal_log_hints: on
        max_wal_senders: 12
        max_replication_slots: 12
        fsync: off
  initdb:
    - encoding: UTF8
    - locale: C
  pg_hba:
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
postgresql:
  listen: 127.0.0.1:$member->{port}
  connect_address: 127.0.0.1:$member->{port}
  data_dir: $member->{folder}/data
  bin_dir: $postgres
  custom_conf: $member->{folder}/custom.conf
  pgpass: $member->{folder}/pgpass
  authentication:
    superuser: {username: postgres, password: postgres}
    replication: {username: replicator, password: replicator}
    rewind: {username: postgres, password: postgres}
  parameters:
    unix_socket_directories: $member->{folder}
END_YAML
    close $file or croak $!;
    chmod 0600, "$member->{folder}/patroni.yml";
    return;
}

1;
