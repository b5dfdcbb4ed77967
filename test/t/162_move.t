# setup moves a database from the extension to the hosted form and back, while sessions emit: no event is lost, and exactly once none comes twice.
# Grants, settings and the notes of first_time() stay. After a setup was killed the next one goes on, and setup says what the operator has to do
# first.
# Takes long.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

$Outbox::Relay::call_patience_s = 240;    # setup waits up to 180 s until the server has written what lets a slot go on
my $kafka = Outbox::Kafka->new->start;

# Runs setup for a form: exit code and output.
sub set_up { my ($node, @arguments) = @_; my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @arguments); return ($code, "$out$err") }
sub form { my ($node) = @_; return $node->safe_psql('postgres', q{SELECT coalesce((SELECT 'extension' FROM pg_extension WHERE extname = 'outbox'), 'hosted')
    || ' ' || (SELECT string_agg(slot_name || ' ' || plugin, ', ' ORDER BY 1) FROM pg_replication_slots)}) }

# A session that executes a script beside the test.
sub start_session {
    my ($node, $name, $script) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir($name);
    PostgreSQL::Test::Utils::append_to_file("$folder/sql", $script);
    return Outbox::Process->spawn(name => $name, command => [ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$folder/sql" ],
        env => { PGAPPNAME => $name }, stdout => '/dev/null', stderr => "$folder/err");
}

# A writer writes one row and one event a transaction, and goes on after a transaction that fails.
sub start_writer {
    my ($node, $name, $topic) = @_;
    return start_session($node, 'writer', join '', map { "BEGIN;\nINSERT INTO written VALUES ('$name-$_');\nSELECT outbox.emit('$topic', '$name-$_', '{}');\nCOMMIT;\nSELECT pg_sleep(0.01);\n" } 1 .. 20_000);
}

# A checkpoint writes the record of the running transactions that setup waits for.
sub start_checkpoints { my ($node) = @_; return start_session($node, 'checkpoints', "CHECKPOINT \\watch 1\n") }

for my $delivery (qw(at-least-once exactly-once)) {
    my $node = outbox_node($delivery =~ tr/-/_/r);
    my $topic = "moved.$delivery";
    $kafka->create_topic($topic, 3);
    my @kafka = $delivery eq 'exactly-once' ? ('--delivery', $delivery, '--brokers', $kafka->brokers) : ();
    my ($code, $said) = set_up($node, @kafka);
    is($code, 0, "$delivery: setup") or diag $said;
    $node->safe_psql('postgres', q{CREATE TABLE written (key text PRIMARY KEY); CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA outbox TO app;
        GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO app; GRANT INSERT ON outbox.events TO app;
        SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000')});
    my $relay = Outbox::Relay->new($node, name => $delivery, kafka => $kafka, args => [ '--delivery', $delivery ])->start;
    my @writers = map { start_writer($node, "w$_", $topic) } 1 .. 2;
    my $checkpoints = $delivery eq 'exactly-once' ? start_checkpoints($node) : undef;    # at least once setup waits for the server's own pace
    wait_until { $node->safe_psql('postgres', 'SELECT count(*) > 100 FROM written') eq 't' } 'they write';

    for my $form ([ 'hosted', 'outbox pgoutput', '--plugin', 'pgoutput' ], [ 'extension', 'outbox outbox' ], [ 'hosted', 'outbox pgoutput', '--plugin', 'pgoutput' ]) {
        my ($name, $slot, @arguments) = @$form;
        my $event_max = $name eq 'hosted' ? 1_000_000 : 2_000_000;
        ($code, $said) = set_up($node, @kafka, @arguments);
        is($code, 5, "$delivery, to $name: beside the relay setup moves nothing");
        like($said, qr/slot "outbox" is active for PID \d+: stop its relay, run setup again, and start the relay/, 'and says what to do');
        is($delivery eq 'exactly-once' ? $relay->terminate : $relay->kill_nine, $delivery eq 'exactly-once' ? 0 : 'signal 9', 'the relay is stopped');
        $node->poll_query_until('postgres', q{SELECT active_pid IS NULL FROM pg_replication_slots WHERE slot_name = 'outbox'});
        ($code, $said) = set_up($node, @kafka, @arguments);
        is($code, 0, "$delivery, to $name: the database is moved") or diag $said;
        is(form($node), "$name $slot", 'all of it') or diag $said;
        is(slot($node, 'failover'), 't', 'and a standby can keep the slot over a failover, as before') if $node->pg_version->major >= 17;
        my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM written');
        $relay->start;
        wait_until { $node->safe_psql('postgres', "SELECT count(*) > $before + 50 FROM written") eq 't' } 'they go on writing';
        is($node->psql('postgres', "SELECT outbox.emit('$topic', '$name', '{}')", extra_params => [ '-U', 'app' ]), 0, 'a role that might emit may emit');
        $node->safe_psql('postgres', "INSERT INTO written VALUES ('$name') ON CONFLICT DO NOTHING");
        is($node->safe_psql('postgres', q{SELECT has_table_privilege('app', 'outbox.events', 'INSERT')}), 't', 'and insert');
        is($node->safe_psql('postgres', q{SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000')}), 'f', 'what a consumer has seen is not forgotten');
        my $text = set_up_again($node, @kafka, @arguments);
        unlike($text, qr/created|copied|instead of/, 'setup again changes nothing');
    }
    $node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('writer', 'checkpoints')});
    $_->wait_for_exit(20) for @writers, $checkpoints // ();
    ok(wait_for_confirmation($node), "$delivery: everything is confirmed") or diag $relay->log;
    is($relay->terminate, 0, 'the relay ends in good order');
    my (%written, %came);
    $written{$_} = 1 for split /\n/, $node->safe_psql('postgres', 'SELECT key FROM written');
    $came{ $_->{key} }++ for $kafka->consume($topic);
    is_deeply([ grep { !$came{$_} } sort keys %written ], [], "$delivery: none of the " . keys(%written) . ' events is lost');
    is_deeply([ grep { !$written{$_} } sort keys %came ], [], 'none came whose transaction failed');
    is_deeply([ grep { $came{$_} > 1 && /-/ } sort keys %came ], [], 'and none came twice') if $delivery eq 'exactly-once';
    $node->stop;
}

sub set_up_again { my ($node, @arguments) = @_; my ($code, $said) = set_up($node, @arguments); is($code, 0, 'setup again') or diag $said; return $said }

# ---- obstacles, and a setup that was killed

my $node = outbox_node('obstacles', conf => "outbox.max_event_bytes = '2MB'\n");
create_slot($node);
create_slot($node, 'mine', 'outbox');
my @to_hosted = ('--plugin', 'pgoutput');
my ($code, $said) = set_up($node, @to_hosted);
like("$code $said", qr/^5 .*slot "mine" cannot be moved: of pgoutput a relay reads only slots whose names begin with "outbox"/s, 'a name that no relay would read');
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('mine'); SELECT outbox.create_topic_view('orders', schema => 'public')});
($code, $said) = set_up($node, @to_hosted);
like("$code $said", qr/^5 .*trigger emit on view (?:public\.)?orders_events uses a function that the other form replaces: drop what uses it/s, 'a view of a topic');
$node->safe_psql('postgres', 'DROP VIEW orders_events');
$node->safe_psql('postgres', q{CREATE ROLE app LOGIN; GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO app});
($code) = set_up($node, '--harden');
($code, $said) = set_up($node, @to_hosted);
like("$code $said", qr/^5 .*these roles may emit, but not call pg_logical_emit_message\(\): app\. Let them: GRANT EXECUTE/s, 'a hardened server');
my ($grant) = $said =~ /(GRANT EXECUTE ON FUNCTION .*) TO \.\.\./;
$node->safe_psql('postgres', "$grant TO app");
($code, $said) = set_up($node, @to_hosted);
like("$code $said", qr/^5 .*still reads WAL from before the publication "outbox" was created.*let the slot's relay run/s, 'a slot from before the publication, which nobody reads');
is(form($node), 'extension outbox outbox', 'so far nothing is moved');
my $relay = Outbox::Relay->new($node)->start;
$relay->wait_until_streaming($node);
($code, $said) = set_up($node, @to_hosted);
like("$code $said", qr/^5 .*is active for PID/s, 'beside a relay the slot gets beyond it');
is($relay->terminate, 0, 'the relay ends');
($code, my $sql) = set_up($node, @to_hosted, '--dry-run');
is("$code " . form($node), '0 extension outbox outbox', '--dry-run moves nothing');
like($sql, qr/pg_copy_logical_replication_slot\('outbox', 'outbox_being_moved', false, 'pgoutput'\).*DROP EXTENSION outbox.*pg_copy_logical_replication_slot\('outbox_being_moved', 'outbox'/s, 'and prints all of it');

# The states that a killed setup leaves: after the copy of the slot, and after the change of the form and the drop of the slot.
$node->safe_psql('postgres', q{SELECT pg_copy_logical_replication_slot('outbox', 'outbox_being_moved', false, 'pgoutput')});
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'before', '{}')});
($code, $said) = set_up($node, @to_hosted);
is("$code " . form($node), '0 hosted outbox pgoutput', 'a setup that had copied the slot is done again') or diag $said;
is($node->safe_psql('postgres', 'SELECT max_event_bytes, missing_slot, slots FROM outbox.settings'), '2097152|error|{outbox}', 'the settings are kept');
$node->safe_psql('postgres', $_) for q{UPDATE outbox.settings SET max_event_bytes = 500000}, q{SELECT pg_copy_logical_replication_slot('outbox', 'outbox_being_moved', false, 'pgoutput')},
    q{UPDATE outbox.settings SET slots = '{outbox_being_moved}'}, q{SELECT pg_drop_replication_slot('outbox')}, q{SELECT outbox.emit('orders', 'between', '{}')};
($code, $said) = set_up($node, @to_hosted);
is("$code " . form($node), '0 hosted outbox pgoutput', 'one that had dropped the slot goes on') or diag $said;
is($node->safe_psql('postgres', 'SELECT slots FROM outbox.settings'), '{outbox}', 'and emit demands the slot');
($code, $said) = set_up($node);
is("$code " . form($node), '0 extension outbox outbox', 'and back') or diag $said;
is($node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'after', '{}') IS NOT NULL, current_setting('outbox.max_event_bytes')}), 't|500000B', 'with its settings');
is(join(' ', map { /"key":"(\w+)"/ } emitted($node, 'outbox', 'get')), 'before between after', 'every event is in the slot');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_publication'), 0, 'the publication is gone');
$kafka->stop;

done_testing();
