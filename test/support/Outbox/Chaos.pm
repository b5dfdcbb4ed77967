# A chaos run: real processes under load, a seeded schedule of faults, and a judge. After the faults of a round comes peace, in which the relay has to
# deliver everything, and the judgement of the round. So memory and disk stay bounded however long the run is.
#
# test/chaos/chaos.t reads SEED=, DURATION= (seconds, or 30m, 2h) and other variables. Outbox::Chaos::Checker decides what is right; this file has a few
# limits only.
package Outbox::Chaos;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use List::Util qw(min);
use Outbox::Chaos::Checker qw(lsn_number);
use Outbox::Chaos::Faults;
use Outbox::Chaos::History;
use Outbox::Chaos::Observer;
use Outbox::Chaos::Schedule;
use Outbox::Chaos::Stage;
use Outbox::Chaos::Steps qw(is_too_late);
use Outbox::Chaos::Storm;
use Outbox::Chaos::Writers;
use Outbox::Node;
use Outbox::Process qw(slurp);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $writers = 3;
my $peace_s = 90;                       # for the delivery of everything after the last fault, on a quiet machine
my $load_alone_s = 30;                  # the load lasts at least so long in the round of one fault that ends at once
my $kept_wal_bytes_max = 160 << 20;     # of the slot, after a round
my $relay_memory_kb_max = (160 << 10) * ($ENV{ASAN_OPTIONS} ? 4 : 1);    # a sanitizer needs memory of its own

my %invariants = (
    I1 => 'no loss', I2 => 'no phantom', I3 => 'order', I4 => 'duplicates only as replays', I5 => 'nothing confirmed that is not delivered',
    I6 => 'bytes of key, headers and payload', I7 => 'liveness', I8 => 'no harm',
);

# new(delivery => ..., seed => n, seconds => n, folder => for the history; deck => {kind => how many}, program => another relay,
# rounds => n and round_s => seconds, in the place of the numbers that follow from `seconds`; alone_s => seconds: each kind of fault has a round of
# its own, of this length; cluster => 1: three brokers)
sub new {
    my ($class, %options) = @_;
    my $rounds = int($options{seconds} / 75) || 1;
    my $self = bless {
        rounds => $rounds, round_s => $options{seconds} / $rounds - ($rounds > 1 ? 15 : 0),
        %options, violations => [], previous => [], memory_kb => 0,
    }, $class;
    $self->{schedule} = Outbox::Chaos::Schedule->new(
        seed => $options{seed}, deck => $options{deck}, max_pause => $self->{round_s} > 45 ? 30 : 6, cluster => $options{cluster},
        alone_s => $options{alone_s});
    return $self;
}

# Runs rounds until the time is over, or an invariant is broken. Returns the violations: [invariant, sentence].
sub run {
    my ($self) = @_;
    my $name = join '-', 'history', $self->{name} // $self->{delivery}, $self->{seed};
    $self->{history} = Outbox::Chaos::History->new($self->{folder}, $name);
    $self->{writers} = Outbox::Chaos::Writers->new($self->{seed});
    my %topics = map { $_ => $self->{writers}->topic($_) } $self->{writers}->topics;
    $self->{stage} = Outbox::Chaos::Stage->new(
        $self->{delivery}, program => $self->{program}, topics => \%topics, cluster => $self->{cluster});
    $self->{writers}->prepare($self->{stage}->node);
    $self->{observer} = Outbox::Chaos::Observer->new($self->{writers}->own_topics);
    $self->{faults} = Outbox::Chaos::Faults->new(
        $self->{stage}, $self->{writers}, on_violation => sub { $self->violation(@_) }, busy => sub { $self->{storm}->is_busy($_[0]) },
        capture => sub {    # keeps the records of a topic that are about to be lost; the topic's offsets go on at the given one, or begin at 0
            my ($topic, $offset) = @_;
            push @{ $self->{captured} }, $self->_records($topic);
            push @{ $self->{recreated} }, $topic if !defined $offset;
            $self->{judged}{$topic} = defined $offset ? { 0 => $offset - 1 } : {};
        });
    $self->{storm} = Outbox::Chaos::Storm->new(
        faults => $self->{faults}, history => $self->{history}, tick => sub { $self->_tick(1) });
    $self->_leave_out;
    $self->{stage}->start_relay($self->{faults}{active});
    for my $round (1 .. $self->{rounds}) {
        $self->_round($round);
        last if @{ $self->{violations} };
    }
    $self->_end;
    return @{ $self->{violations} };
}

# Takes the kinds of fault that this machine cannot have out of the schedule, and prints the reasons.
sub _leave_out {
    my ($self) = @_;
    my %why = $self->{faults}->impossible;
    my %deck = %{ $self->{schedule}{deck} };
    my @kinds = grep { $deck{$_} } sort keys %why;
    diag "left out: $_, for $why{$_}" for @kinds;
    $self->{schedule}->leave_out(@kinds);
    die "no fault is left\n" if @kinds == keys %deck;
    $self->{rounds} = $self->{schedule}->rounds_alone if $self->{alone_s};
    return;
}

sub violation {
    my ($self, $invariant, $about) = @_;
    push @{ $self->{violations} }, [ $invariant, $about ];
    $self->{history}->write('violation', invariant => $invariant, about => $about);
    return;
}

# Prints the summary as a table, and asserts each invariant.
sub report {
    my ($self) = @_;
    my @violations = @{ $self->{violations} };
    diag $_ for '', $self->{history}->table("$self->{delivery}, SEED=$self->{seed}", scalar @violations), "  history: $self->{history}{path}", '';
    for my $invariant (sort keys %invariants) {
        my @broken = grep { $_->[0] eq $invariant } @violations;
        ok(!@broken, "$self->{delivery}: $invariant, $invariants{$invariant}");
        diag scalar(@broken) . ' violations' if @broken;
        diag "$invariant: $_->[1]" for @broken[ 0 .. ($#broken < 9 ? $#broken : 9) ];
    }
    return;
}

# ---- a round --------------------------------------------------------------------------------------------------------

sub _round {
    my ($self, $number) = @_;
    my ($stage, $history) = @$self{qw(stage history)};
    $history->write('round', number => $number);
    $self->{writers}->begin_round($stage->node, $number);
    $self->{checker} = Outbox::Chaos::Checker->new(delivery => $self->{delivery}, previous => $self->{previous}, memory_kb_max => $relay_memory_kb_max);
    my $sessions = $stage->sessions;
    my @faults = $self->{alone_s} ? $self->{schedule}->alone($number) : $self->{schedule}->round($number, $self->{round_s});
    my $injected = $self->{storm}->run($self->{alone_s} ? min($self->{alone_s}, $load_alone_s) : 0, @faults);
    $self->_calm;
    $sessions = $stage->sessions - $sessions;
    $self->{checker}->add_sessions($sessions);
    $self->_judge;
    my $counts = $self->{checker}->counts;
    $history->count({ %$counts, sessions => $sessions });
    my $what = $self->{alone_s} ? $faults[0]{kind} : "$injected faults";
    diag sprintf 'round %d of %d: %s, %d events, %d duplicates, %d violations', $number, $self->{rounds}, $what,
        $counts->{emitted}, $counts->{duplicates}, scalar @{ $self->{violations} };
    $self->{previous} = [ $self->{checker}->shrink, @{ $self->{previous} }[ 0 .. ($#{ $self->{previous} } > 0 ? 0 : -1) ] ];
    $stage->kafka->trim($self->{writers}->topics);
    return;
}

# Called all the time: supervises the relays, samples their memory, and keeps writers and observer running.
sub _tick {
    my ($self, $with_writers) = @_;
    $self->violation('I7', $_) for $self->{stage}->supervise;
    my $memory = $self->{stage}->peak_memory_kb;
    $self->{history}->write('relay memory', kb => $memory) if $memory > $self->{memory_kb} + 4096;
    $self->{memory_kb} = $memory if $memory > $self->{memory_kb};
    return if !$self->{faults}->server_is_up;
    $self->{writers}->keep_running($self->{stage}->node, $writers) if $with_writers;
    $self->{observer}->keep_running($self->{stage}->node);
    return;
}

# Called after the last fault of a round: the relay must deliver everything, and the slot must release the WAL.
sub _calm {
    my ($self) = @_;
    my $node = $self->{stage}->node;
    $self->{writers}->finish($node);
    $self->{history}->write('calm');
    $node->safe_psql('postgres', 'CHECKPOINT');
    my $wanted = current_lsn($node);
    $self->_await('I7', 'everything is delivered and confirmed', "confirmed_flush_lsn >= '$wanted'");
    $self->_await('I8', 'the slot lets go of the WAL', "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) < $kept_wal_bytes_max");
    return;
}

sub _await {
    my ($self, $invariant, $what, $condition) = @_;
    my $start = time;
    while (slot($self->{stage}->node, $condition) ne 't') {
        $self->_tick(0);
        return $self->violation($invariant, "$what: not within $peace_s s") if is_too_late($start, $peace_s);
        sleep 0.1;
    }
    $self->{history}->write('reached', condition => $what, seconds => time - $start);
    return;
}

# ---- the judgement --------------------------------------------------------------------------------------------------

sub _judge {
    my ($self) = @_;
    my ($checker, $history, $node) = ($self->{checker}, $self->{history}, $self->{stage}->node);
    my ($transactions, $events, $unheard) = $self->{writers}->books($node);
    $checker->add_books($transactions, $events, $unheard);
    $history->write('transaction', name => $_, %{ $transactions->{$_} }) for sort keys %$transactions;
    $history->count({ transactions => scalar keys %$transactions, unknown => scalar grep { $_->{outcome} eq 'unknown' } values %$transactions });
    $self->{observer}->take_stream($node, sub {
        my ($end, @ids) = @_;
        $checker->add_transaction($end, @ids);
        $history->write('stream', end => $end, ids => \@ids);
    });
    $self->{observer}->take_samples(sub {
        my ($time, $lsn, $kept) = @_;
        $checker->add_sample($time, $lsn);
        $history->write('sample', at => $time, confirmed => $lsn, kept => $kept);
        $history->count({ samples => 1 });
    });
    my @records = $self->_records($self->{writers}->topics);
    $checker->add_record($_) for splice(@{ $self->{captured} //= [] }), @records;
    $checker->recreated($_) for splice @{ $self->{recreated} //= [] };
    $self->{judged}{ $_->{topic} }{ $_->{partition} } = $_->{offset} for @records;
    $checker->add_memory($self->{memory_kb});
    $self->violation(@$_) for $checker->verdict;
    $self->violation('I8', "a writer met: $_") for $self->{writers}->complaints;
    $self->violation('I8', "the server logged: $_") for $self->_server_complaints;
    return;
}

# The topics' records behind those that were judged before, in the form of the checker. A broker that was killed can still have trimmed records.
sub _records {
    my ($self, @topics) = @_;
    my @records;
    for my $topic (@topics) {
        my $about = $self->{writers}->topic($topic);
        my ($fixed, $moves) = ($about->{partitions} == 1 && !$about->{grows}, defined $about->{grows});
        $self->{stage}->kafka->for_each_record(sub {
            my ($record) = @_;
            return if $record->{offset} <= ($self->{judged}{$topic}{ $record->{partition} } // -1);
            my $value = delete $record->{value};
            $record->{payload} = defined $value ? sha256_hex($value) : undef;
            @$record{qw(time fixed moves)} = (delete $record->{timestamp}, $fixed, $moves);
            push @records, $record;
            $self->{history}->write('record', map { $_ => $record->{$_} } qw(topic partition offset time headers));
        }, $topic);
    }
    return @records;
}

# The errors in the server's log that no fault explains.
sub _server_complaints {
    my ($self) = @_;
    my $expected = qr/replication\ slot\ "outbox"\ is\ active|terminating|canceling|could\ not\ receive\ data\ from\ WAL\ stream|
        could\ not\ connect\ to\ the\ primary/x;
    my $log = $self->{stage}->node->logfile;
    my $start = $self->{read}{$log} // 0;
    my $text = slurp($log, $start);
    $self->{read}{$log} = $start + length $text;
    return grep { /PANIC:|TRAP:|terminated by signal (?!9)|ERROR:|WARNING:.*outbox/ && !/$expected/ } split /\n/, $text;
}

sub _end {
    my ($self) = @_;
    my $node = $self->{stage}->node;
    my $start = time;
    $node->stop('fast') if $self->{faults}->server_is_up;
    my $seconds = time - $start;
    $self->violation('I8', sprintf 'PostgreSQL stopped fast only after %.1f s', $seconds) if is_too_late($start, 10);
    $self->{stage}->stop_relays;
    $self->{history}->close;
    return;
}

1;
