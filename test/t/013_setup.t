# `outbox-relay setup` creates what is missing, says what it did, and does it once; --dry-run only prints the SQL.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

# Extension, slot and list of allowed plugins, as text.
sub state {
    my ($node) = @_;
    my $list = Outbox::Node::has_plugin_list() ? q{current_setting('output_plugin_libraries')} : q{''};
    return $node->safe_psql('postgres', <<"END");
SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'outbox'),
       (SELECT string_agg(slot_name || ' ' || plugin, ',') FROM pg_replication_slots), $list
END
}

sub setup {
    my ($node, @arguments) = @_;
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), @arguments);
    is($code, 0, "setup @arguments: exit code") or diag $err;
    return ($out, $err);
}

my $list = Outbox::Node::has_plugin_list() ? 'pgoutput, test_decoding, outbox' : '';

my $node = outbox_node('main', bare => 1, refuse_plugin => 1);
my $before = state($node);
my ($sql) = setup($node, '--dry-run');
is(state($node), $before, '--dry-run changes nothing');
like($sql, qr/CREATE EXTENSION.*outbox/i, 'it prints the extension,');
like($sql, qr/pg_create_logical_replication_slot\s*\(\s*'outbox',\s*'outbox'/i, 'the slot');
like($sql, qr/output_plugin_libraries/, 'and the setting') if $list;

my ($out, $err) = setup($node);
is(state($node), "1|outbox outbox|$list", 'setup creates what is missing');
like("$out$err", $_, 'and says so') for qr/extension/i, qr/slot/i;
like("$out$err", qr/output_plugin_libraries/, 'and says so') if $list;
my $relay = Outbox::Relay->new($node)->start;
ok($relay->wait_until_streaming($node), 'a relay can run now');
is($relay->terminate, 0, 'and end');

my $made = state($node);
my $position = slot($node, 'confirmed_flush_lsn');
setup($node);
is(state($node), $made, 'setup again changes nothing');
is(slot($node, 'confirmed_flush_lsn'), $position, 'the slot keeps its position');
($sql) = setup($node, '--dry-run');
unlike($sql, qr/^\s*(CREATE|ALTER|SELECT)\b/im, 'nothing is left to be done');
setup($node, '--slot', 'other');
is(slot($node, 'plugin', 'other'), 'outbox', '--slot names the slot');

# Another server, where a DBA runs what --dry-run printed.
my $other = outbox_node('other', bare => 1, refuse_plugin => 1);
($sql) = setup($other, '--dry-run');
my ($code, undef, $complaint) = $other->psql('postgres', $sql);
is($code, 0, 'psql runs what --dry-run printed') or diag "$sql\n$complaint";
is(state($other), "1|outbox outbox|$list", 'with the same result as setup');
($sql) = setup($other, '--dry-run');
unlike($sql, qr/^\s*(CREATE|ALTER|SELECT)\b/im, 'setup has nothing left to do');

# An extension of an older version is brought up to date.
my ($newest) = split /\n/, $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'outbox'});
$node->safe_psql('postgres', q{DROP EXTENSION outbox; CREATE EXTENSION outbox VERSION '1.0'});
($sql) = setup($node, '--dry-run');
like($sql, qr/^ALTER EXTENSION outbox UPDATE;$/m, '--dry-run prints the update');
($out) = setup($node);
like($out, qr/updated extension "outbox" from 1\.0 to \Q$newest\E/, 'setup says so');
is($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'outbox'}), $newest, 'and does it');

# Other entries of the list stay.
if ($list) {
    my $third = outbox_node('third', bare => 1, conf => "output_plugin_libraries = 'wal2json, pgoutput'\n", refuse_plugin => 1);
    setup($third);
    is(state($third), '1|outbox outbox|wal2json, pgoutput, outbox', 'setup adds to the list');
    $third->safe_psql('postgres', q{ALTER SYSTEM SET output_plugin_libraries = 'pgoutput, test_decoding, outbox'});
    $third->reload;
    $third->poll_query_until('postgres', q{SELECT current_setting('output_plugin_libraries') = '"pgoutput, test_decoding, outbox"'});
    ($sql) = setup($third, '--dry-run');
    like($sql, qr/one pair of quotes.*^ALTER SYSTEM SET output_plugin_libraries = 'pgoutput', 'test_decoding', 'outbox';/ms, 'a list quoted as one name is seen');
    setup($third, '--slot', 'second');
    is(state($third), '1|outbox outbox,second outbox|pgoutput, test_decoding, outbox', 'and mended');
}

done_testing();
