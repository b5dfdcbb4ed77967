# Topics that do not exist, and topics that do not take an event.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $canary = 'canary-5e1c77';

my $node = outbox_node('main');
create_slot($node);
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('early');
$kafka->create_topic('small', 1, 'max.message.bytes=2000');
my $relay = Outbox::Relay->new($node, kafka => $kafka)->start;

sub emit { my ($topic, $payload) = @_; return $node->safe_psql('postgres', "SELECT outbox.emit('$topic', 'k', $payload)") }
# After a refused batch the relay starts again from the slot: events that were delivered before may come twice, with the same id.
sub first_ids { my %seen; return grep { !$seen{$_}++ } ids(@_) }
sub ids { return map { $_->{headers}[0][1] } $kafka->consume(@_) }

# A topic is missing: the relay waits.
my @early = emit('early', q{'1'});
wait_for_confirmation($node);
my @late = map { emit('late', "'$_'") } 1 .. 3;
$relay->wait_for_log(qr/\blate\b/);
push @early, emit('early', q{'2'});
ok($relay->alive, 'without its topic an event waits, and the relay with it');
is(slot($node, 'confirmed_flush_lsn < pg_current_wal_lsn()'), 't', 'unconfirmed');
my $patience = time + 3;    # there is no condition for "says nothing more"
sleep 0.1 while time < $patience;
is($relay->count_log(qr/\blate\b/), 1, 'the relay says so once') or diag $relay->log;
$kafka->create_topic('late', 3);
ok(wait_for_confirmation($node), 'everything is confirmed once the topic is there');
is_deeply([ ids('late') ], \@late, 'the events have arrived, each once, in order');
is_deeply([ ids('early') ], \@early, 'and nothing else was repeated');

# A topic is deleted and created again while the relay runs.
$kafka->delete_topic('late');
@late = map { emit('late', "'$_'") } 1 .. 3;
$kafka->create_topic('late', 1);
ok(wait_for_confirmation($node), 'a topic that was created anew takes events again');
is_deeply([ ids('late') ], \@late, 'all of them');

# A topic takes each of the events, but not a batch of them: all are delivered.
my @fitting = split /\n/, $node->safe_psql('postgres', q{SELECT outbox.emit('small', 'k', to_json(repeat('x', 200))) FROM generate_series(1, 200)});
ok(wait_for_confirmation($node), 'a topic whose limit is smaller than a batch takes events that fit') or diag $relay->log;
$relay->start if !$relay->alive;
is_deeply([ first_ids('small') ], \@fitting, 'all of them, in order');

# Kafka never takes one event: the operator has to decide, so the relay ends and names the event.
my $large = emit('small', "to_json(repeat('$canary', 500))");
is($relay->wait_for_exit(60), 8, 'an event too large for its topic ends the relay with its own exit code');
like($relay->log, qr/small/, 'the log names the topic');
like($relay->log, qr/$large/, 'and the event');
unlike($relay->log, qr/$canary/, 'but not its content');
is_deeply([ first_ids('small') ], \@fitting, 'the topic has what fitted');
is($relay->start->wait_for_exit(60), 8, 'the event is not skipped by a restart');

done_testing();
