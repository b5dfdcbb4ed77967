# `setup --plugin pgoutput` on a server with the limits of hosted ones: the role is no superuser, the library may not be used, and
# output_plugin_libraries has its default. setup creates emit in SQL, the empty publication and the slot; a second run changes nothing, and setup
# leaves objects of others alone.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use Test::More;

my $node = outbox_node('hosted', bare => 1, refuse_plugin => 1);
$node->safe_psql('postgres', 'CREATE ROLE master LOGIN CREATEDB REPLICATION; CREATE ROLE other LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER master") for qw(app printed taken);

sub setup {
    my ($database, @arguments) = @_;
    return Outbox::Relay::call('setup', '--dsn', $node->connstr($database) . ' user=master', '--plugin', 'pgoutput', @arguments);
}

sub state {
    my ($database) = @_;
    return $node->safe_psql($database, <<'END');
SELECT (SELECT string_agg(slot_name || ' ' || plugin, ',') FROM pg_replication_slots WHERE database = current_database()),
       (SELECT string_agg(pubname || ' ' || puballtables, ',') FROM pg_publication), (SELECT count(*) FROM pg_publication_tables),
       (SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('outbox') AND proname = 'emit')
END
}

my ($code, $out, $err) = setup('app', '--dry-run');
is($code, 0, '--dry-run: exit code') or diag $err;
is(state('app'), '||0|0', 'and it changes nothing');
($code, undef, $err) = $node->psql('printed', $out, extra_params => [ '-U', 'master' ], on_error_stop => 1);
is($code, 0, 'psql runs what it printed') or diag $err;
is(state('printed'), 'outbox pgoutput|outbox false|0|5', 'with the same result as setup');
$node->safe_psql('printed', q{SELECT pg_drop_replication_slot('outbox')});

($code, $out, $err) = setup('app');
is($code, 0, 'setup: exit code') or diag $err;
is(state('app'), 'outbox pgoutput|outbox false|0|5', 'emit, the empty publication and the slot are there');
SKIP: {
    skip 'before PostgreSQL 17 there are no failover slots', 1 if $node->pg_version->major < 17;
    is(slot($node, 'failover'), 't', 'the slot is one that a standby can keep over a failover');
}
like($out, $_, 'it says so') for qr/emit in SQL, and the empty publication/, qr/created slot "outbox"/, qr/emit demands slot "outbox" from now on/;
is($node->psql('app', q{SELECT outbox.emit('orders', 42, '{"item":"Macbook"}', 'order.created')}, extra_params => [ '-U', 'master' ]), 0, 'an event is accepted');
my $made = state('app');
($code, $out) = setup('app');
is("$code " . state('app'), "0 $made", 'setup again changes nothing');
unlike($out, qr/created|from now on/, 'and claims nothing');
($code, $out) = setup('app', '--slot', 'outbox_second');
is($node->safe_psql('app', 'SELECT slots FROM outbox.settings'), '{outbox,outbox_second}', 'another slot is demanded, too');

# ---- then everything is as with the extension ------------------------------------------------------------------------------

$node->safe_psql('postgres', 'ALTER DATABASE postgres OWNER TO master');
($code, undef, $err) = setup('postgres', '--slot', 'outbox_whole');
is($code, 0, 'setup in another database') or diag $err;
my $relay = Outbox::Relay->new($node, args => [ '--slot', 'outbox_whole' ])->start;
$node->safe_psql('postgres', $_) for q{SELECT outbox.emit('orders', 42, '{"item": "Macbook"}', 'order.created')}, q{BEGIN; SELECT outbox.emit('orders', 43, '{}'); ROLLBACK},
    q{SELECT outbox.emit('orders', 'bytes', '\x00ff'::bytea, headers => '{"h": "v"}')};
ok(wait_for_confirmation($node, 'outbox_whole'), 'the relay delivers what is emitted') or diag $relay->log;
is($relay->terminate, 0, 'and ends in good order');
is(join("\n", map { s/"id":"[^"]+",?//r } $relay->output), qq({"topic":"orders","key":"42","type":"order.created","payload":{"item":"Macbook"}}\n)
    . '{"topic":"orders","key":"bytes","headers":{"h":"v"},"payload_base64":"AP8="}', 'what was committed, and nothing else');
($code, undef, $err) = setup('postgres', '--slot', 'mine');
like("$code $err", qr/^2 .*begins with "outbox"/s, 'a slot that no relay would read with pgoutput is not made');

# ---- a slot from before the publication ------------------------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE older OWNER master');
$node->safe_psql('older', q{SELECT pg_create_logical_replication_slot('outbox_older', 'pgoutput'); CREATE TABLE early AS SELECT 1});
($code, undef, $err) = setup('older', '--slot', 'outbox_older');
like("$code $err", qr/^5 .*slot "outbox_older" is older than the publication "outbox", which setup has to create: .*pg_drop_replication_slot\('outbox_older'\)/s,
    'a slot that pgoutput could not decode is refused');
is(state('older'), 'outbox_older pgoutput||0|0', 'before anything is made');
$node->safe_psql('older', q{SELECT pg_drop_replication_slot('outbox_older')});
($code, undef, $err) = setup('older', '--slot', 'outbox_older');
is($code, 0, 'without it setup makes both') or diag $err;
$node->safe_psql('older', q{SELECT pg_drop_replication_slot('outbox_older')});

# ---- setup refuses -------------------------------------------------------------------------------------------------------

($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('app') . ' user=master', '--plugin', 'wal2json');
is($code, 2, 'a plugin that the relay does not speak: exit code');
like($err, qr/--plugin.*expected one of: outbox, pgoutput/, 'and what was expected');
($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('app') . ' user=master');
like("$code $err", qr/^5 .*setup --plugin pgoutput keeps to that/s, 'without --plugin: only a superuser moves the database to the extension');
$node->safe_psql('taken', 'CREATE SCHEMA outbox AUTHORIZATION other; CREATE TABLE outbox.mine ()');
($code, undef, $err) = setup('taken', '--slot', 'outbox_taken');
is($code, 5, 'a schema that holds something else: exit code');
like($err, qr/schema "outbox" is there and holds something else.*run setup again/, 'and what to do');
is(state('taken'), '||0|0', 'and nothing is made');
$node->safe_psql('taken', 'DROP SCHEMA outbox CASCADE; CREATE EXTENSION outbox');
($code, undef, $err) = setup('taken', '--slot', 'outbox_taken');
like("$code $err", qr/^5 .*the extension "outbox" is installed in this database, and another role's/s, 'the extension is there, and another\'s: nothing else is made');

($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('printed') . ' user=other', '--plugin', 'pgoutput', '--slot', 'outbox_printed');
like("$code $err", qr/^5 .*run setup as that role/s, 'another role than the one that owns the schema');
$node->safe_psql('postgres', 'CREATE DATABASE weak OWNER other');
($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('weak') . ' user=other', '--plugin', 'pgoutput', '--slot', 'outbox_weak');
like("$code $err", qr/^5 .*needs CREATE on the database, and REPLICATION/s, 'a role that may not replicate is told what it needs');

done_testing();
