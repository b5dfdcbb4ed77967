# Dump and restore keep who may emit: the REVOKEs of the extension's script, and what the owner has granted and revoked since. The same holds for an
# extension of version 1.0, and for one that was upgraded from 1.0.
use strict;
use warnings;

use Outbox::Node;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = outbox_node('dump_restore', bare => 1);

# Rights in a database: the access lists of the schema and of the three functions, and what three roles may do by them.
my $privileges = q{
    SELECT 'schema', (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(nspacl) AS a) FROM pg_namespace WHERE nspname = 'outbox'
    UNION ALL
    SELECT oid::regprocedure::text, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(proacl) AS a) FROM pg_proc WHERE pronamespace = 'outbox'::regnamespace
    UNION ALL
    SELECT 'version', extversion FROM pg_extension WHERE extname = 'outbox'
    UNION ALL
    SELECT rolname || ' ' || oid::regprocedure, has_function_privilege(rolname, oid, 'EXECUTE')::text
    FROM pg_proc, (VALUES ('nobody_in_particular'), ('app'), ('app_text_only')) AS roles(rolname)
    WHERE pronamespace = 'outbox'::regnamespace
    ORDER BY 1};

$node->safe_psql('postgres', q{
    CREATE ROLE nobody_in_particular LOGIN;
    CREATE ROLE app LOGIN;
    CREATE ROLE app_text_only LOGIN;
    CREATE DATABASE original;
    CREATE DATABASE untouched;
    CREATE DATABASE upgraded;
    CREATE DATABASE restored;
    CREATE DATABASE restored_untouched;
    CREATE DATABASE restored_upgraded});
$node->safe_psql($_, 'CREATE EXTENSION outbox') for qw(original untouched);
$node->safe_psql('upgraded', q{CREATE EXTENSION outbox VERSION '1.0'});
$node->safe_psql($_, q{
    GRANT USAGE ON SCHEMA outbox TO app, app_text_only;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO app, app_text_only;
    REVOKE EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) FROM app_text_only;
    REVOKE EXECUTE ON FUNCTION outbox.emit(text, uuid, anycompatible, text, jsonb) FROM app_text_only}) for qw(original upgraded);
$node->safe_psql('upgraded', 'ALTER EXTENSION outbox UPDATE');

# Objects of the database's owner: topics, a consumer's notes, a view, an attached table, an adopted table.
my $belongings = q{
    SELECT string_agg(t::text, ' ' ORDER BY name) FROM outbox.topics AS t
    UNION ALL SELECT string_agg(concat_ws(' ', tableoid::regclass, consumer, id), ' ' ORDER BY id) FROM outbox.seen
    UNION ALL SELECT string_agg(a::text, ' ') FROM outbox.attachments AS a
    UNION ALL SELECT string_agg(pg_get_triggerdef(oid), ' ' ORDER BY tgname, tgrelid::regclass::text) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'outbox.%'};
$node->safe_psql($_, q{
    INSERT INTO outbox.topics VALUES ('t', NULL, NULL), ('orders', '{app}', NULL), ('checked', NULL, 'public.check_order');
    SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000'), outbox.first_time('billing', '6ba7b810-9dad-41d1-80b4-00c04fd430c8');
    SELECT outbox.create_topic_view('orders');
    CREATE TABLE orders (id int PRIMARY KEY, "Item" text);
    SELECT outbox.attach('orders', 'orders', columns => '{id,"Item"}');
    CREATE TABLE messages (id uuid, aggregatetype text, aggregateid text, type text, payload jsonb);
    SELECT outbox.adopt('messages', keep_rows => false)}) for qw(original upgraded);

for my $pair (['original', 'restored'], ['untouched', 'restored_untouched'], ['upgraded', 'restored_upgraded']) {
    my ($from, $to) = @$pair;
    my $dump = $node->basedir . "/$from.sql";
    $node->command_ok(['pg_dump', '--file', $dump, $node->connstr($from)], "$from is dumped");
    $node->command_ok(['psql', '--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--file', $dump, $node->connstr($to)],
        "$to is restored from it");
    my $before = $node->safe_psql($from, $privileges);
    is($node->safe_psql($to, $privileges), $before, "the privileges of $to are those of $from");
    is($node->safe_psql($to, $belongings), $node->safe_psql($from, $belongings), 'and so is what its owner has put there');
    like($before, qr/^nobody_in_particular outbox\.emit\(text,text,.*\|false$/m, "in $from PUBLIC may not execute");
}

$node->safe_psql('restored', q{SELECT pg_create_logical_replication_slot('restored', 'outbox')});
is($node->safe_psql('restored', q{SELECT count(outbox.emit('t', 'k', '{}'))}, extra_params => ['-U', 'app']),
    1, 'who was granted may emit in the restored database');
is($node->safe_psql('restored', q{SELECT count(outbox.emit('t', 'k', '{}', NULL, '{"h":"v"}'::varchar))}, extra_params => ['-U', 'app']),
    1, 'also with headers as text');
is($node->safe_psql('restored', q{SELECT outbox.first_time('billing', '01930000-0000-7000-8000-000000000000')}), 'f', 'what a consumer has seen before the dump it has seen');
like($node->safe_psql('restored', q!INSERT INTO messages (aggregatetype, aggregateid, payload) VALUES ('t', 'adopted', '{}'); INSERT INTO orders VALUES (1, 'x');
    SELECT string_agg(data::json ->> 'topic', ' ') FROM pg_logical_slot_peek_changes('restored', NULL, NULL) WHERE data LIKE '{"topic"%'!), qr/ t orders$/, 'the ways in lead to topics');
for my $call (['app_text_only', '1', ''], ['nobody_in_particular', q{'k'}, ''],
    ['app_text_only', '1', q{, headers => '{}'::varchar}], ['nobody_in_particular', q{'k'}, q{, headers => '{}'::varchar}]) {
    my ($role, $key, $rest) = @$call;
    my ($status, undef, $error) = $node->psql('restored', qq{SELECT outbox.emit('t', $key, '{}'$rest)}, extra_params => ['-U', $role]);
    isnt($status, 0, "$role may not emit with the key $key$rest");
    like($error, qr/permission denied/, "and is told why");
}

$node->stop;
done_testing();
