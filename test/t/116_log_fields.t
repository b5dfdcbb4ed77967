# With --log-format json each line is an object, whose field "event" is one of a fixed vocabulary, and whose other fields name topic, id, LSN and
# error. Where standard error is the journal, each line has a priority.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(slurp);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic($_) for qw(orders outbox.dead-letter);
$kafka->create_topic('few', 1, 'max.message.bytes=1000');
my $node = outbox_node('main');
create_slot($node);
my $relay = Outbox::Relay->new($node, kafka => $kafka, args => [qw(--log-format json --on-poison dead-letter --listen 127.0.0.1:0)])->start;
sub objects { return map { decode_json($_) } grep { /^\{/ } split /\n/, $relay->log }
sub of { my ($event) = @_; return [ grep { ($_->{event} // '') eq $event } objects() ] }

$relay->wait_for_log(qr/"event":"streaming"/);
my $id = $node->safe_psql('postgres', q{SELECT outbox.emit('few', 'canary-key', to_json(repeat('canary', 1000))::text)});
$relay->wait_for_log(qr/"event":"event-set-aside"/);
my $waits = $node->safe_psql('postgres', q{SELECT outbox.emit('missing', 'canary-key', '"canary"')});
$relay->wait_for_log(qr/"event":"topic-waited"/);
$kafka->create_topic('missing');
$relay->wait_for_log(qr/"event":"topic-there"/);
ok(wait_for_confirmation($node), 'all is delivered');
$node->stop('immediate');
$node->start;
$relay->wait_for_log(qr/"event":"stream-lost".*"event":"streaming"/s);
$relay->signal('HUP');
$relay->wait_for_log(qr/"event":"settings-read"/);
is($relay->terminate, 0, 'it ends');

my @lines = split /\n/, $relay->log;
is(scalar objects(), scalar @lines, 'every line is an object');
is_deeply([ grep { ($_->{slot} // '') ne 'outbox' } objects() ], [], 'and names the slot');
is_deeply([ map { $_->{event} } @{ of('started') } ], ['started'], 'it starts once,');
is($lines[-1] =~ /"event":"stopped"/ ? 1 : 0, 1, 'and its last line says that it has stopped');
my ($aside) = @{ of('event-set-aside') };
is($aside->{$_->[0]}, $_->[1], "an event that was set aside: its $_->[0]") for [ topic => 'few' ], [ id => $id ];
like($aside->{lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, 'and its position');
is(of('topic-waited')->[0]{$_->[0]}, $_->[1], "a topic that is waited for: $_->[0]") for [ topic => 'missing' ], [ id => $waits ], [ code => 'UNKNOWN_TOPIC_OR_PART' ];
is(of('topic-there')->[0]{topic}, 'missing', 'until it is there');
unlike($relay->log, qr/canary/, 'no key and no payload');

# The vocabulary of the code is that of docs/operating.md.
my ($names) = slurp("$project/relay/base/log.cpp") =~ /constexpr const char \*names\[\] = \{(.*?)\};/s;
my @vocabulary = sort $names =~ /"([\w-]+)"/g;
my ($section) = slurp("$project/docs/operating.md") =~ /^\| `event` \|.*?\n\n/ms ? $& : '';
is_deeply([ sort map { /`([a-z-]+)`/g } map { (split /\|/)[1] } grep { /^\| `(?!event`)/ } split /\n/, $section ], \@vocabulary, 'each event is on the page, and no other');

# ---- an error, and the journal

my ($code, undef, $err) = Outbox::Relay::call(qw(run --stdout --log-format json --slot none --dsn), $node->connstr('postgres') . ' user=relay');
is($code, 3, 'without its slot');
like($err, qr/"event":"failed","code":"3"\}$/m, 'the last line has the exit code');

my $file = PostgreSQL::Test::Utils::tempdir('journal') . '/stderr';
append_to_file($file, '');
my ($device, $inode) = stat $file;
for my $format (qw(text json)) {
    my $by = Outbox::Relay->new($node, name => $format, args => [ '--log-format', $format ], env => { JOURNAL_STREAM => "$device:$inode" });
    $by->{log} = $file;
    truncate $file, 0;
    $by->start->wait_for_log(qr/streaming/);
    is($by->terminate, 0, "$format: it ends");
    my @said = split /\n/, slurp($file);
    is(scalar(grep { /^<6>/ } @said), scalar @said, "$format: the journal's priorities");
    $by = Outbox::Relay->new($node, name => "not $format", args => [ '--log-format', $format ], env => { JOURNAL_STREAM => "$device:1" });
    $by->start->wait_for_log(qr/streaming/);
    $by->terminate;
    unlike($by->log, qr/^</m, 'but not where standard error is something else');
}
done_testing();
