# A standby becomes the primary: by hand, with copied slots, or with the slot that the server itself keeps on the standby.
package Outbox::Chaos::Faults::Failover;

use strict;
use warnings;

use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(rmtree);
use Outbox::Chaos::Steps qw(after at_once);
use Outbox::Node qw(crash settings_of_standby slot);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;

# A planned failover without failover slots: when the standby has all WAL and the primary has ended, the run copies the slots to the standby, as failover
# tools do, and promotes the standby.
sub _promotion {
    my ($self) = @_;
    my $old = $self->{stage}->node;
    my ($new, $end);
    return (
        at_once(sub { $new = $self->_standby($old); $new->start }),
        $self->_streaming($old, sub { $new }),
        after(1), $self->_stop_fast, $self->_has_all($old, sub { $new }),
        at_once(sub {
            $new->stop('fast');
            # Without a snapshot decoding finds its start only when no transaction runs, and passes over everything before.
            rmtree($new->data_dir . '/pg_logical/snapshots');
            _copy($old, $new, qw(pg_replslot/outbox pg_replslot/witness pg_logical/snapshots));
            $self->_promote($old, $new);
        }));
}

# A failover slot (PostgreSQL 17 and later): the server keeps the relay's slot on the standby, and sends the relay no event that the standby lacks. The
# primary ends by a fast shutdown, or crashes under load. No acknowledged commit is lost with the primary, since each commit waits for the standby. The
# run copies only the slot of its observer.
sub _failover_slot {
    my ($self, $fault) = @_;
    my $old = $self->{stage}->node;
    my $new;
    return (
        at_once(sub { $new = $self->_synchronized_standby($old); $new->start; _wait_for_standby($old, $new) }),
        $self->_streaming($old, sub { $new }),
        $self->within(90, 'I7', 'the standby has the failover slot',
            sub { slot($new, q{CASE WHEN synced AND NOT temporary AND invalidation_reason IS NULL THEN 'ready' END}) eq 'ready' }),
        ($fault->{how} eq 'crash' ? $self->_down(sub { crash($old) }) : ($self->_stop_fast, $self->_has_all($old, sub { $new }))),
        at_once(sub {
            $new->stop('fast');
            _copy($old, $new, qw(pg_replslot/witness));
            _copy_missing($old, $new, 'pg_logical/snapshots', '*.snap');
            $new->append_conf('postgresql.conf', "primary_slot_name = ''\nsync_replication_slots = off\n");
            $self->_promote($old, $new);
        }));
}

# A standby of the primary that is not started yet.
sub _standby {
    my ($self, $old) = @_;
    $old->backup('standby');
    my $new = PostgreSQL::Test::Cluster->new($self->{stage}->next_node_name);
    $new->init_from_backup($old, 'standby', has_streaming => 1);
    rmtree($old->backup_dir . '/standby');
    return $new;
}

sub _synchronized_standby {
    my ($self, $old) = @_;
    my $new = $self->_standby($old);
    my ($name, $host, $port) = ($new->name, $old->host, $old->port);
    $old->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('$name')");
    $new->append_conf('postgresql.conf', settings_of_standby("host=$host port=$port dbname=postgres application_name=$name", $name));
    return $new;
}

# From now on the primary confirms a commit, and sends an event, only when the standby has it. The standby's configuration is a copy from before.
sub _wait_for_standby {
    my ($old, $new) = @_;
    $old->safe_psql('postgres', "ALTER SYSTEM SET $_ = '" . $new->name . "'") for qw(synchronized_standby_slots synchronous_standby_names);
    $old->reload;
    return;
}

sub _streaming {
    my ($self, $old, $new) = @_;
    return $self->within(30, 'I7', 'a standby catches up', sub {
        $old->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '} . $new->()->name . q{'}) });
}

# Waits until the standby has replayed the primary's last checkpoint.
sub _has_all {
    my ($self, $old, $new) = @_;
    my $end;
    return $self->within(30, 'I7', 'the standby has all', sub {
        ($end) = `pg_controldata '${\ $old->data_dir }'` =~ /Latest checkpoint location: +(\S+)/ if !defined $end;
        return $new->()->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() > '$end'") eq 't';
    });
}

# Copies WAL that the slots may need and that is older than this young standby.
sub _promote {
    my ($self, $old, $new) = @_;
    _copy_missing($old, $new, 'pg_wal', '[0-9A-F]' x 24);
    $new->start;
    $new->promote;
    $self->{stage}->replace_node($new);
    rmtree($old->data_dir);
    $self->_is_up;
    return;
}

sub _copy {
    my ($old, $new, @parts) = @_;
    for my $part (@parts) {
        PostgreSQL::Test::RecursiveCopy::copypath(map { $_->data_dir . "/$part" } $old, $new);
    }
    return;
}

# Copies the files of a folder that the new server lacks.
sub _copy_missing {
    my ($old, $new, $folder, $pattern) = @_;
    for my $name (map { basename($_) } glob $old->data_dir . "/$folder/$pattern") {
        my ($from, $to) = map { $_->data_dir . "/$folder/$name" } $old, $new;
        -e $to or copy($from, $to) or die "cannot copy $from: $!\n";
    }
    return;
}

1;
