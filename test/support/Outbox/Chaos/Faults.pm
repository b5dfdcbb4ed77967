# How each kind of fault is done and undone. A fault is a list of steps; the run calls the first one again and again until it returns
# something true, then the next, so that faults overlap.
package Outbox::Chaos::Faults;

use strict;
use warnings;

use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(rmtree);
use Outbox::Node qw(crash current_lsn slot postmaster children);
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my ($faketime) = grep { -e } glob '/usr/lib{,/*,64}/faketime/libfaketimeMT.so.1';
my $fast_stop_s = 10;

# new(stage, writers, on_violation => sub, capture => sub(topic), busy => sub(resource))
sub new {
    my ($class, $stage, $writers, %options) = @_;
    return bless { stage => $stage, writers => $writers, active => 'a', server_up => 1, %options }, $class;
}

sub active_relay { return $_[0]{stage}->relay($_[0]{active}) }
sub server_is_up { return $_[0]{server_up} }

# Undef where this machine cannot do it.
sub steps {
    my ($self, $fault) = @_;
    return $self->_link($1, $2, $fault) if $fault->{kind} =~ /^(pg|kafka)_(delay|cut|silence|reset|refuse|forget)$/;
    my $steps = "_$fault->{kind}";
    return $self->$steps($fault);
}

# ---- steps ----------------------------------------------------------------------------------------------------------

sub after {
    my ($seconds) = @_;
    my $until;
    return sub { $until //= time + $seconds; return time >= $until };
}

sub at_once { my ($code) = @_; return sub { $code->(); return 1 } }

# Until the condition holds; a violation of the invariant when it takes longer than that.
sub within {
    my ($self, $seconds, $invariant, $what, $condition) = @_;
    my $start;
    return sub {
        $start //= time;
        return 1 if $condition->();
        return 0 if time < $start + $seconds;
        $self->{on_violation}->($invariant, "$what: not within $seconds s");
        return 1;
    };
}

# ---- the relay ------------------------------------------------------------------------------------------------------

sub _start { my ($self, $env) = @_; return at_once(sub { $self->{stage}->start_relay($self->{active}, $env) }) }
sub _signal { my ($self, $signal) = @_; return at_once(sub { $self->active_relay->signal($signal) }) }

sub _kill {
    my ($self) = @_;
    return at_once(sub { $self->{stage}->release_relay($self->{active}); $self->active_relay->kill_nine });
}

# SIGTERM, and the end that has to follow.
sub _end {
    my ($self, $name) = @_;
    my $relay = sub { $self->{stage}->relay($name // $self->{active}) };
    return (
        at_once(sub { $self->{stage}->release_relay($name // $self->{active}); $relay->()->signal('TERM') }),
        $self->within(15, 'I7', 'a relay ends on SIGTERM', sub { !$relay->()->alive }),
        at_once(sub {
            my $code = $relay->()->alive ? $relay->()->kill_nine : $relay->()->wait_for_exit(1);
            my $had_begun = $relay->()->log ne '';    # else the signal came before the program could expect it
            $self->{on_violation}->('I7', "a relay ends on SIGTERM with $code") if $code ne '0' && $had_begun;
        }));
}

sub _relay_kill { my ($self, $fault) = @_; return ($self->_kill, after($fault->{down}), $self->_start) }
sub _relay_stop { my ($self, $fault) = @_; return ($self->_signal('STOP'), after($fault->{pause}), $self->_signal('CONT')) }
sub _relay_term { my ($self, $fault) = @_; return ($self->_end, after($fault->{down}), $self->_start) }

# A relay whose clock jumps back and forth while it runs.
sub _clock_jump {
    my ($self, $fault) = @_;
    return if !$faketime;
    my $file = PostgreSQL::Test::Utils::tempdir('clock') . '/offset';
    my $jump = sub {
        my ($offset) = @_;
        return (at_once(sub { unlink $file; PostgreSQL::Test::Utils::append_to_file($file, "$offset\n") }), after(1.2));
    };
    my %env = (LD_PRELOAD => $faketime, FAKETIME_TIMESTAMP_FILE => $file, FAKETIME_CACHE_DURATION => 1, DONT_FAKE_MONOTONIC => 1,
        FAKETIME_DONT_FAKE_MONOTONIC => 1);
    my ($first) = $jump->('+0');
    return ($self->_kill, $first, $self->_start(\%env), after(1), (map { $jump->($_) } split / /, $fault->{jumps}), $self->_kill,
        $self->_start);
}

# An event that its topic does not take, and others of its key right behind it, which a relay gets all at once: it must deliver none of
# those, and end with 8. Then the operator lets the topic take it, for good, and the relay goes on as if nothing had been.
#   large    the topic never took so much
#   lowered  the topic took so much, until the events had been written
#   compact  the topic became one of keys, and the event has none
sub _poison {
    my ($self, $fault) = @_;
    my ($stage, $writers) = @$self{qw(stage writers)};
    my %topics = $writers->next_poisoned_topics;
    my ($topic, @others) = sort keys %topics;
    $topics{$topic}{max_bytes} = 20_000 if $fault->{how} eq 'large';
    my %refuse = (lowered => [20_000], compact => [ undef, 'cleanup.policy=compact' ]);
    my $relay = sub { $self->active_relay };
    return (
        $self->_kill,
        (map { my $name = $_; at_once(sub { $stage->create_topic($name, $topics{$name}) }) } sort keys %topics),
        at_once(sub { $writers->start_poison($stage->node, $fault->{how} eq 'compact' ? 'keyless' : 'large', $topic, @others) }),
        sub { return $writers->poison_is_written },
        at_once(sub { $stage->configure_topic($topic, @{ $refuse{ $fault->{how} } }) if $refuse{ $fault->{how} } }),
        $self->_start, at_once(sub { $stage->release_relay($self->{active}) }),
        $self->within(90, 'I7', 'a relay stops at a poisoned event', sub { !$relay->()->alive }),
        at_once(sub {
            my $code = $relay->()->alive ? $relay->()->kill_nine : $relay->()->wait_for_exit(1);
            $self->{on_violation}->('I7', "a relay stops at a poisoned event with $code") if $code ne '8';
            $stage->configure_topic($topic, 1_000_000);
        }),
        $self->_start,
        $self->within(90, 'I7', 'what was poison is delivered', $self->_all_delivered));
}

# What is in the WAL when it is first asked.
sub _all_delivered {
    my ($self) = @_;
    my $wanted;
    return sub {
        return 0 if !$self->{server_up};
        $wanted //= current_lsn($self->{stage}->node);
        return slot($self->{stage}->node, "confirmed_flush_lsn >= '$wanted'") eq 't';
    };
}

# A second relay takes the slot from one that is frozen: it waits until the server has lost patience, or ends its session (--takeover).
# The first one thaws: a zombie, which has to wait now.
sub _takeover {
    my ($self, $fault) = @_;
    my ($stage, $old) = ($self->{stage}, $self->{active});
    my $new = $old eq 'a' ? 'b' : 'a';
    my $start = at_once(sub { $stage->start_relay($new, undef, $fault->{how} eq 'force' ? '--takeover' : ()) });
    return (
        ($fault->{how} eq 'force' ? ($self->_signal('STOP'), $start) : ($start, after(0.5), $self->_signal('STOP'))),
        $self->within(60, 'I7', 'the other relay takes over', sub { $stage->relay($new)->log =~ /streaming from slot/ }),
        after($fault->{pause}), $self->_signal('CONT'), after(1),
        $self->_end($old), at_once(sub { $self->{active} = $new }));
}

# ---- PostgreSQL -----------------------------------------------------------------------------------------------------

sub _down {
    my ($self, $code) = @_;
    return at_once(sub { $self->{server_up} = 0; $code->($self->{stage}->node) });
}

sub _up {
    my ($self) = @_;
    return at_once(sub { $self->{stage}->node->start; $self->_is_up });
}

sub _is_up { my ($self) = @_; $self->{writers}->lose_server; $self->{server_up} = 1; return }

sub _pg_crash {
    my ($self, $fault) = @_;
    return ($self->_down(sub { crash($_[0]) }), after($fault->{down}), $self->_up);
}

# Where that takes long it is the server's own affair: then it is killed.
sub _pg_immediate {
    my ($self, $fault) = @_;
    my ($stop, $until);
    return (
        $self->_down(sub { $stop = _pg_ctl($_[0], 'immediate'); $until = time + 8 }),
        sub { return defined $stop->status || time > $until },
        at_once(sub {
            my $node = $self->{stage}->node;
            defined $stop->status ? $node->_update_pid(-1) : crash($node);
        }),
        after($fault->{down}), $self->_up);
}

sub _pg_ctl {
    my ($node, $mode) = @_;
    return Outbox::Process->spawn(
        name => 'pg_ctl', command => [ qw(pg_ctl -t 120 stop -m), $mode, '-D', $node->data_dir ], stdout => '/dev/null', stderr => '/dev/null');
}

# Every process of the server stands still, while the kernel keeps its connections.
sub _pg_freeze {
    my ($self, $fault) = @_;
    my @processes;
    return (
        $self->_down(sub {
            my $postmaster = postmaster($_[0]);
            @processes = ($postmaster, children($postmaster));
            kill 'STOP', @processes;
        }),
        after($fault->{pause}),
        at_once(sub { kill 'CONT', @processes; $self->{server_up} = 1 }));
}

# Only the process that the relay talks to.
sub _walsender_freeze {
    my ($self, $fault) = @_;
    my $process;
    return (
        at_once(sub {
            $process = slot($self->{stage}->node, 'active_pid');
            kill 'STOP', $process if $process;
        }),
        after($fault->{pause}), at_once(sub { kill 'CONT', $process if $process }));
}

# A server whose clock is days off, until it is restarted with the right one. Who samples the slot is told the difference.
sub _pg_clock {
    my ($self, $fault) = @_;
    return if !$faketime;
    my $start = sub {
        my ($days) = @_;
        return at_once(sub {
            local %ENV = %ENV;
            @ENV{qw(LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC)} = ($faketime, sprintf('%+dd', $days), 1, 1) if $days;
            my $node = $self->{stage}->node;
            $node->append_conf('postgresql.conf', 'chaos.clock_ahead_s = ' . $days * 86400);
            $node->start;
            $self->_is_up;
        });
    };
    return ($self->_stop_fast, $start->($fault->{days}), after($fault->{pause}), $self->_stop_fast, $start->(0));
}

# The relay's password is changed on the server first, and in its file a while later.
sub _pg_password {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    my $word = 'word' . ++$self->{passwords};
    return (
        at_once(sub {
            $stage->change_password($word);
            $stage->node->safe_psql('postgres', 'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL');
        }),
        after($fault->{down}),
        at_once(sub { $stage->write_password($word) }));
}

# A transaction that has written something and then does nothing: the slot cannot let go of the WAL since.
sub _open_transaction {
    my ($self, $fault) = @_;
    return (at_once(sub { $self->{writers}->start_idle($self->{stage}->node, $fault->{pause}) if $self->{server_up} }), after($fault->{pause}));
}

sub _foreign_messages {
    my ($self, $fault) = @_;
    my $process;
    return (
        at_once(sub { $process = $self->{writers}->start_foreign($self->{stage}->node, $fault->{count}) }),
        sub { return !$process->alive });
}

sub _pg_fast { my ($self, $fault) = @_; return ($self->_stop_fast, after($fault->{down}), $self->_up) }

# The server must come to its end although a relay is attached: at once where Kafka takes events, else after the relay's grace.
sub _stop_fast {
    my ($self) = @_;
    my $stop;
    my $stopped = sub { defined $stop->status };
    my $disturbed;
    my $is_disturbed = sub { return $disturbed ||= grep { $self->{busy}->($_) } qw(relay broker kafka_link pg_link) };
    return (
        $self->_down(sub { $stop = _pg_ctl($_[0], 'fast') }),
        $self->within($fast_stop_s, 'I8', 'PostgreSQL stops fast, undisturbed', sub { $is_disturbed->() || $stopped->() }),
        $self->within($fast_stop_s + 10, 'I8', 'PostgreSQL stops fast', $stopped),
        at_once(sub {
            my $node = $self->{stage}->node;
            $stopped->() ? $node->_update_pid(-1) : crash($node);
        }));
}

# The standby has everything, the primary is gone, its slots are copied to the standby, which then becomes the primary. Where the server
# does not synchronise slots by itself that is what tools for failover do.
sub _promotion {
    my ($self) = @_;
    my $stage = $self->{stage};
    my ($old, $new) = ($stage->node);
    my $end;
    return (
        at_once(sub {
            $old->backup('standby');
            $new = PostgreSQL::Test::Cluster->new($stage->next_node_name);
            $new->init_from_backup($old, 'standby', has_streaming => 1);
            rmtree($old->backup_dir . '/standby');
            $new->start;
        }),
        $self->within(30, 'I7', 'a standby catches up', sub {
            $old->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND application_name = '} . $new->name . q{'}) }),
        after(1), $self->_stop_fast,
        at_once(sub { ($end) = slurp_control($old) =~ /Latest checkpoint location: +(\S+)/ }),
        $self->within(30, 'I7', 'the standby has all', sub { $new->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() > '$end'") eq 't' }),
        at_once(sub {
            $new->stop('fast');
            # With the snapshots: without them decoding finds its start only when no transaction runs, and passes over what comes before.
            rmtree($new->data_dir . '/pg_logical/snapshots');
            for my $part (qw(pg_replslot/outbox pg_replslot/witness pg_logical/snapshots)) {
                PostgreSQL::Test::RecursiveCopy::copypath(map { $_->data_dir . "/$part" } $old, $new);
            }
            _copy_wal($old, $new);
            $new->start;
            $new->promote;
            $stage->replace_node($new);
            rmtree($old->data_dir);
            $self->_is_up;
        }));
}

sub slurp_control { my ($node) = @_; return scalar `pg_controldata '${\ $node->data_dir }'` }

# The slots may need WAL from before the standby's time, which one that had been there for long would have.
sub _copy_wal {
    my ($old, $new) = @_;
    for my $segment (map { basename($_) } glob $old->data_dir . '/pg_wal/' . '[0-9A-F]' x 24) {
        my ($from, $to) = map { $_->data_dir . "/pg_wal/$segment" } $old, $new;
        -e $to or copy($from, $to) or die "cannot copy $from: $!\n";
    }
    return;
}

# ---- Kafka ----------------------------------------------------------------------------------------------------------

# The broker, and until each partition has a leader again.
sub _launch {
    my ($self, $node, $state) = @_;
    my $kafka = $self->{stage}->kafka;
    my $ready;
    return (
        at_once(sub { $self->{stage}->broker($node)->launch; $ready = $kafka->begin_waiting($state) }),
        $self->within(90, 'I7', 'Kafka starts', sub { defined $ready->status }));
}

sub _broker_kill {
    my ($self, $fault) = @_;
    return (at_once(sub { $self->{stage}->broker($fault->{node})->kill_nine }), after($fault->{down}), $self->_launch($fault->{node}));
}

sub _stop_broker {
    my ($self, $node) = @_;
    my $broker = sub { $self->{stage}->broker($node) };
    my $until;
    return (
        at_once(sub { $broker->()->signal('TERM'); $until = time + 20 }),
        sub { return !$broker->()->alive || time > $until && $broker->()->kill_nine });
}

sub _broker_restart {
    my ($self, $fault) = @_;
    return ($self->_stop_broker($fault->{node}), after($fault->{down}), $self->_launch($fault->{node}));
}

sub _broker_pause {
    my ($self, $fault) = @_;
    my $broker = sub { $self->{stage}->broker($fault->{node}) };
    return (at_once(sub { $broker->()->pause }), after($fault->{pause}), at_once(sub { $broker->()->resume }));
}

# ---- a cluster ------------------------------------------------------------------------------------------------------

# Two of three are gone: fewer replicas are in sync than a write needs.
sub _brokers_below_minimum {
    my ($self, $fault) = @_;
    my ($one, $other) = split / /, $fault->{nodes};
    my $stage = $self->{stage};
    return (
        at_once(sub { $stage->broker($_)->kill_nine for $one, $other }), after($fault->{down}),
        at_once(sub { $stage->broker($one)->launch }), $self->_launch($other));
}

# As for an update: each in its turn, when all replicas are in sync again.
sub _rolling_restart {
    my ($self) = @_;
    return map { ($self->_stop_broker($_), $self->_launch($_, 'in-sync')) } 1 .. 3;
}

sub _controller_kill {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    my ($node, @launch);
    return (
        at_once(sub { $node = $stage->kafka->controller; $stage->broker($node)->kill_nine; @launch = $self->_launch($node) }),
        after($fault->{down}), sub { $launch[0]->() }, sub { $launch[1]->() });
}

# A broker that its clients reach and the others do not.
sub _broker_island {
    my ($self, $fault) = @_;
    my $kafka = $self->{stage}->kafka;
    return (at_once(sub { $kafka->isolate($fault->{node}) }), after($fault->{pause}), at_once(sub { $kafka->join_again($fault->{node}) }));
}

sub _partitions_added {
    my ($self) = @_;
    my $topic = $self->{writers}->growing_topic or return;
    return at_once(sub { $self->{stage}->kafka->add_partitions($topic, ++$self->{writers}->topic($topic)->{partitions}) });
}

# A node loses its replicas of a topic, gets them again, and another one leads each partition.
sub _reassignment {
    my ($self, $fault) = @_;
    my $kafka = $self->{stage}->kafka;
    my $count = $self->{writers}->topic($fault->{topic})->{partitions};
    my @left = grep { $_ != $fault->{without} } 1 .. 3;
    my $ready;
    return (
        at_once(sub { $kafka->reassign($fault->{topic}, map { $_ % 2 ? [@left] : [ reverse @left ] } 1 .. $count) }),
        after($fault->{pause}),
        at_once(sub {
            $kafka->reassign($fault->{topic}, map { [ $fault->{without}, @left ] } 1 .. $count);
            $ready = $kafka->begin_waiting('in-sync');
        }),
        $self->within(90, 'I7', 'replicas are in sync', sub { defined $ready->status }));
}

# A broker that cannot write gives up its disk, and with it itself.
sub _disk_full {
    my ($self, $fault) = @_;
    my $stage = $self->{stage};
    return if !$stage->has_disk;
    my $until;
    return (
        at_once(sub { $stage->on_disk('dd if=/dev/zero of=filler bs=64k 2>/dev/null || true'); $until = time + 6 }),
        sub { return !$stage->kafka->alive || time > $until },
        after($fault->{down}), at_once(sub { $stage->on_disk('rm -f filler'); $stage->kafka->kill_nine }), $self->_launch);
}

# Deleting a topic is its operator's act, and so are the records that go with it: what is there is read before, with the relay frozen and
# nothing of it on its way. From then on the relay has to cope.
sub _topic_recreate {
    my ($self, $fault) = @_;
    my ($stage, $topic) = ($self->{stage}, $fault->{topic});
    my ($next, $ends) = (0, '');
    # A frozen relay may have a Kafka transaction under way, which would be committed to what is deleted, unseen by the capture.
    my $exactly_once = $stage->{delivery} eq 'exactly-once';
    return (
        $exactly_once ? $self->_end : $self->_signal('STOP'),
        sub {
            return 0 if time < $next;
            $next = time + 0.4;
            my $before = $ends;
            $ends = $stage->kafka->ends($topic);
            return $ends eq $before;
        },
        at_once(sub {
            $self->{capture}->($topic);
            $stage->kafka->delete_topic($topic);
        }),
        $exactly_once ? $self->_start : $self->_signal('CONT'), after(0.5),
        at_once(sub { $stage->create_topic($topic, $self->{writers}->topic($topic)) }));
}

# ---- the network ----------------------------------------------------------------------------------------------------

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

1;
