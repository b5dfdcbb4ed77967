# The observer of a chaos run: samples the slot's position ten times a second, and reads the whole stream through a second slot, which no fault hits.
package Outbox::Chaos::Observer;

use strict;
use warnings;

use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Node qw(current_lsn);
use Outbox::Process qw(wait_until);
use PostgreSQL::Test::Utils;

# Reads the clock after the position, so that the position was confirmed at that time. A server whose clock is off says the difference in
# chaos.clock_ahead_s.
my $query = <<'END';
SELECT 'at', (extract(epoch FROM clock_timestamp()) - coalesce(current_setting('chaos.clock_ahead_s', true)::int, 0)) * 1000, confirmed_flush_lsn, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)
FROM pg_replication_slots WHERE slot_name = 'outbox'
\watch 0.1
END

# new(the relay's own topics: forged envelopes for these topics count for nothing)
sub new {
    my ($class, @own_topics) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('observer');
    PostgreSQL::Test::Utils::append_to_file("$folder/query", $query);
    return bless { folder => $folder, own => { map { $_ => 1 } @own_topics } }, $class;
}

# Keeps a sampler attached to the server.
sub keep_running {
    my ($self, $node) = @_;
    return if $self->{sampler} && $self->{sampler}->alive;
    $self->{sampler} = Outbox::Process->spawn(
        name => 'sampler', command => [ qw(psql -XAtq -v ON_ERROR_STOP=1 -F), ' ', '-d', $node->connstr('postgres'), '-f', "$self->{folder}/query" ],
        stdout => "$self->{folder}/samples", stderr => '/dev/null');
    return;
}

# Calls visit(time in ms, position as a number, bytes of kept WAL) for every sample since the last call.
sub take_samples {
    my ($self, $visit) = @_;
    $self->{sampler}->kill_nine if $self->{sampler};
    open my $file, '<', "$self->{folder}/samples" or return;
    while (my $line = <$file>) {
        $visit->($1, lsn_number($2), $3) if $line =~ m{^at ([\d.]+) ([0-9A-F]+/[0-9A-F]+) (-?\d+)$};
    }
    unlink "$self->{folder}/samples";
    return;
}

# Calls visit(end LSN as a number, ids of the events) for every transaction since the last call.
sub take_stream {
    my ($self, $node, $visit) = @_;
    my $end = current_lsn($node);
    my $file = "$self->{folder}/stream";
    PostgreSQL::Test::Utils::system_log('pg_recvlogical', '-d', $node->connstr('postgres'), '-S', 'witness', '--start', '--no-loop',
        '-o', 'batch_bytes=65536', '--endpos', $end, '-f', $file);
    open my $lines, '<', $file or return;    # without the file the checker reports every event as missing in the stream
    my ($position, @ids);
    while (my $line = <$lines>) {
        if ($line =~ m{^\{"begin":"([^"]+)"}) { ($position, @ids) = lsn_number($1) }
        elsif ($line =~ /^\{"commit"/) { $visit->($position, @ids) }
        elsif ($line =~ /^\{"topic":"([^"]*)".*?"id":"([0-9a-f-]{36})"/) { push @ids, $2 if !$self->{own}{$1} }
    }
    unlink $file;
    $node->safe_psql('postgres',
        "SELECT pg_replication_slot_advance(slot_name, '$end') FROM pg_replication_slots WHERE slot_name = 'witness' AND confirmed_flush_lsn < '$end'");
    return;
}

1;
