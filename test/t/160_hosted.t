# The hosted form's emit (outbox_ext/hosted/outbox.sql) behaves as the extension's: the extension's regression tests run in a database with that
# script, and give the output that is expected of the extension. Their slots have the plugin outbox, whose guard must accept every event. Intended
# differences are removed from both outputs here. Only the reader of the slots is a superuser.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Outbox::File qw(write_file);
use Outbox::Node;
use Outbox::Process qw(slurp);
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $script = "$project/outbox_ext/hosted/outbox.sql";
my $node = outbox_node('hosted', bare => 1, conf => "timezone = 'America/Los_Angeles'\n");
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE app OWNER owner');

sub as_owner {
    my ($file) = @_;
    my ($out, $err) = ('', '');
    my $code = $node->psql('app', "\\i $file\n", extra_params => [ '-U', 'owner', '-1' ], on_error_stop => 1, stdout => \$out, stderr => \$err);
    return $code == 0 ? 'installed' : $err;
}

is(as_owner($script), 'installed', 'a role that owns the database and nothing else can run the script');
like(as_owner($script), qr/schema "outbox" already exists/, 'a second time it changes nothing');

# ---- the regression tests ------------------------------------------------------------------------------------------------

my $copy = tempdir(CLEANUP => 1);
mkdir "$copy/$_" or die "$copy/$_: $!" for qw(sql sql/include outbox_ext);
copy("$project/outbox_ext/inbox.sql", "$copy/outbox_ext/inbox.sql") or die "inbox.sql: $!";
my $helpers = slurp("$project/sql/include/helpers.sql");
$helpers =~ s/^CREATE EXTENSION IF NOT EXISTS outbox;\n//m or die 'helpers.sql makes no extension';
$helpers =~ s/^SELECT FROM pg_create_logical_replication_slot\(:'slot', 'outbox'\);\n\K/UPDATE outbox.settings SET slots = ARRAY[:'slot'];\n/m or die 'helpers.sql makes no slot';
write_file("$copy/sql/include/helpers.sql", $helpers);

# The files of sql/ that are not replayed: adopt, attach, status and topics use objects that the hosted form does not have; cancel, filter, forged,
# origins, plugin_options and stream are about the library's JSON scanner and the plugin outbox; schema and upgrade are about CREATE EXTENSION and ALTER
# EXTENSION.
my @replayed = qw(callers capture context_headers emit_many encoding envelope errors event_id events_view headers inbox keys limits missing_slot partitions
    payload_json payload_kinds privileges rows rules signatures slots transactions triggers two_phase wait_delivered);

# Intended differences, made equal in the output and in the expected output.
sub comparable {
    my ($text) = @_;
    # Why a text is no JSON, headers that are text, and the largest argument.
    $text =~ s/(?:is not valid JSON) at byte offset \d+(\n  (?!Pass)[^\n]*|\nDETAIL:[^\n]*)?/is not valid JSON/g;
    $text =~ s/^(  Header \d+ of \d+), the shortest name first,/$1/mg;
    $text =~ s/^-- headers as text.*?(?=^-- headers in the place of the type)//msg;
    $text =~ s/The event has \d{8,} bytes or more/The event has * bytes or more/g;
    $text =~ s{^CONTEXT:.*\n(?:(?:PL/pgSQL|SQL|        WHERE) .*\n)*}{}mg;
    $text =~ s/^CREATE EXTENSION IF NOT EXISTS outbox;\n|^;\n//mg;
    $text =~ s/^(?:\\set ECHO none|CREATE EXTENSION outbox;)\n//mg;
    $text =~ s/outbox\.header_text/json/g;
    $text =~ s/^none\|jsonb\|.*\n//mg;    # a key of another type with headers that are jsonb: the server finds no function
    $text =~ s/^42804: payload must not be of type void\n  .*\n|^42883: function outbox\.publish.*\n  .*\n//mg;    # void is no type of an argument
    # Settings are the table outbox.settings, which names each slot that must deliver, and setup makes slots of pgoutput.
    $text =~ s/raise "max_event_bytes" in "outbox\.settings"/raise "outbox.max_event_bytes"/g;
    $text =~ s/permission denied to set parameter "outbox\.\w+"/permission denied for table settings/g;
    $text =~ s/The table "outbox\.settings" names no slot\./No logical replication slot of this database uses the output plugin "outbox"./g;
    $text =~ s/replication slot "regress_(?:missing_slot|wait_delivered)" cannot deliver the event\nDETAIL:  .*\n.*/no replication slot can deliver the event
DETAIL:  No logical replication slot of this database uses the output plugin "outbox".\nHINT:  Create the slot with "outbox-relay setup"./g;
    $text =~ s/The table "outbox\.settings" names the slot/The setting "outbox.slots" names the slot/g;
    $text =~ s/setup(?: --plugin pgoutput| --slot)"/setup"/g;
    $text =~ s/out of "outbox\.(?:slots|settings)"/out of the list/g;
    $text =~ s/; ALTER DATABASE \.\.\. SET gives each database a list of its own\././g;
    # There is no view outbox.status, and the server itself refuses what would end in a parallel worker.
    $text =~ s/The view (?:outbox\.status|pg_replication_slots) shows/The view shows/g;
    $text =~ s/^ERROR:  (?:parameter "outbox_hosted\.slot_seen" cannot be set|cannot execute outbox\.emit\(\)) during a parallel operation$/ERROR:  no parallel operation/mg;
    return $text;
}

# Parts that SQL cannot do, removed from the test and from its expected output: each from one line to another.
my %without = (
    events_view => [
        [ q{SELECT pg_temp.refusal('SELECT outbox.emit_event()');}, 'CREATE TEMP TABLE no_view' ],    # a trigger function knows when it is none
        [ q{INSERT INTO regress_shop.orders_events (key, payload) VALUES ('of the user'}, '\\set VERBOSITY terse' ],    # takes USAGE on the schema, see below
        [ '{"topic":"orders","key":"of the user"', '{"topic":"order.lines"' ], [ 'DROP EXTENSION outbox;', '\\set VERBOSITY default' ] ],
    # Only RESET of the session's setting forgets the events of an ended transaction.
    capture => [ [ '-- session: ', '-- where a slot can deliver' ], [ '-- at most 64 MB', '-- any role may capture' ] ],
    inbox => [ [ '-- the script for databases without the extension', 'DROP ROLE regress_outbox_user;' ] ],
    errors => [ [ q{SELECT pg_temp.leaks_as_text(NULL, '{"secret" 1}');}, q{SELECT pg_temp.leaks_as_text(NULL, '{"secret": 1}');} ] ],    # the cast fails
    # Values that a table refuses, or that only a setting has. Events of 64 MB would take minutes.
    limits => [ [ q{SELECT left(pg_temp.refusal(format('SET outbox.max_event_bytes}, '-- key, type and headers have 900 kB' ],
        [ '-- an event of 64 MB is accepted', '-- emit refuses an argument that is too large' ] ],
    missing_slot => [ [ 'SET outbox.missing_slot = nonsense;', 'RESET outbox.missing_slot;' ], [ 'SET client_min_messages = error;', 'DROP OWNED BY' ] ],
    slots => [ [ '-- outbox.slots accepts nothing but a list of names', q{SELECT 'dropped' FROM pg_drop_replication_slot('regress_forgotten');} ] ],
    # A wrong value is refused by the next emit: see the sessions without the library below.
    context_headers => [ [ '-- refused when it is set', 'RESET outbox.max_event_bytes;' ], [ qq{\\c\nSET client_min_messages = warning;\nSET outbox.headers = '["secret"]';}, 'SELECT regexp_replace(data' ], [ '{"topic":"t","key":"k","id":"*","payload":3}', '-- any role may set it' ],
        [ q{SET outbox.headers = '{ "ä": "ü", "ascii": "\u20ac" }';}, q{SELECT 'dropped' FROM pg_drop_replication_slot('regress_latin1');} ] ],
    # An escape of a character that the database's encoding does not have is refused.
    encoding => [ [ q{SELECT FROM outbox.emit('t', 'json', pg_temp.latin1}, q{SELECT FROM outbox.emit('t', 'jsonb', to_jsonb} ], [ '{"topic":"t","key":"json"', '{"topic":"t","key":"jsonb"' ] ],
    # Which functions there are, the server's own function without PUBLIC, and what belongs to an extension.
    privileges => [ [ q{SELECT has_function_privilege('regress_outbox_user', oid}, '-- PUBLIC may execute' ], [ '-- the block of docs/hostile-roles.md', 'DROP FUNCTION public.regress_place_order();' ],
        [ '-- the extension cannot be moved', q{SELECT 'dropped'} ] ],
    wait_delivered => [ [ "BEGIN;\nCALL outbox.wait_delivered();", 'DO $$ BEGIN CALL' ] ],    # 2D000, the server's own
);

sub without {
    my ($name, $text) = @_;
    for my $part (@{ $without{$name} // [] }) {
        my ($from, $to) = @$part;
        $text =~ s/^\Q$from\E.*?(?=^\Q$to\E)//ms;
    }
    return $text;
}

# A line of the hosted form in the place of one of the extension.
sub translated {
    my ($line, $name) = @_;
    for ($line) {
        s/^CREATE EXTENSION IF NOT EXISTS outbox;$//;
        s/^CREATE EXTENSION outbox;$/\\set ECHO none\nBEGIN;\n\\i $script\nCOMMIT;\n\\set ON_ERROR_STOP off\n\\set ECHO all/;
        s/^SET (LOCAL )?outbox\.slots = '?([^;']+?)'?;/'UPDATE outbox.settings SET slots = ' . ($1 ? '\/* LOCAL *\/ ' : '') . "string_to_array(regexp_replace('$2', ' ', '', 'g'), ',')::name[];"/e;
        s/^RESET outbox\.slots;$/UPDATE outbox.settings SET slots = '{regress_@{[ $name eq 'slots' ? 'forgotten' : $name ]}}';/;
        s/^SET (LOCAL )?outbox\.missing_slot = (\w+);/'UPDATE outbox.settings SET ' . ($1 ? '\/* LOCAL *\/ ' : '') . "missing_slot = '$2';"/e;
        s/^SET outbox\.max_event_bytes = '?(\w+)'?;/UPDATE outbox.settings SET max_event_bytes = pg_size_bytes('$1');/;
        s/^RESET outbox\.(max_event_bytes|missing_slot);/UPDATE outbox.settings SET $1 = DEFAULT;/;
        s/^SHOW outbox\.max_event_bytes;/SELECT replace(pg_size_pretty(max_event_bytes::bigint), ' ', '') FROM outbox.settings;/;
        s/^SHOW outbox\.missing_slot;/SELECT missing_slot FROM outbox.settings;/;
        s/^(SELECT 'slot' FROM pg_create_logical_replication_slot\('((?!regress_elsewhere)\w+)', 'outbox'(?:, true)?\);)/$1 UPDATE outbox.settings SET slots = '{$2}';/;
        s/'regress_other_plugin', '\Kpgoutput/test_decoding/ if $name eq 'slots';    # a slot of pgoutput can deliver
        # Headers that are text need a cast.
        s/\}''::(?:varchar\(20\)|char\(20\)|pg_temp\.sku)', 'text'/}''::json', 'text'/g, s/'NULL::varchar', 'text'/'NULL::json', 'text'/ if $name eq 'signatures';
        s/('\{[^']*\}'')::(?:varchar|text)\b|('\{[^']*\}')::(?:varchar|text)(?=\))/($1 \/\/ $2) . '::json'/ge;
        s/headers => pg_temp\.text\('\w+'\)\K(?=\);)/::json/;
        s/^PREPARE jdbc.*, \Kvarchar(?=\) AS)/json/;
        s/type, headers\);$/type, headers::json);/ if /'t', 'k', '\{\}'/;
    }
    return $line;
}

# The output of psql for the file. A line that psql repeats is the file's own again, not the translated one.
sub output_of {
    my ($name) = @_;
    my %original;
    my @lines = map { my $line = translated($_, $name); $original{$line} = $_; $line } split /\n/, without($name, slurp("$project/sql/$name.sql"));
    my $sql = join("\n", @lines) . "\n";
    $sql =~ s/^-- headers as text.*?(?=^-- headers in the place of the type)//msg;
    write_file("$copy/sql/$name.sql", $sql);
    local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);
    local $ENV{PGTZ} = 'PST8PDT';
    local $ENV{PGDATESTYLE} = 'Postgres, MDY';
    local $ENV{DSN} = $node->connstr('app');
    my $out = qx{cd '$copy' && psql -X -a -q -d "\$DSN" <sql/$name.sql 2>&1};
    return join '', map { "$_\n" } map { $original{$_} // $_ } split /\n/, $out;
}

@replayed = grep { $_ ne 'slots' } @replayed if !Outbox::Node::has_module('test_decoding');    # a slot of another plugin

for my $name (@replayed) {
    my ($got, $expected) = map { comparable($_) } output_of($name), without($name, slurp("$project/expected/$name.out"));
    my @lines = split /\n/, $expected;
    my ($line) = grep { ((split /\n/, $got)[$_] // '') ne $lines[$_] } 0 .. $#lines;
    ok($got eq $expected, "sql/$name.sql gives what is expected of the extension")
        or diag(sprintf "line %d: got\n  %s\nexpected\n  %s", $line + 1, (split /\n/, $got)[$line] // '', $lines[$line]);
    $node->safe_psql('app', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; UPDATE outbox.settings SET slots = DEFAULT, missing_slot = DEFAULT, max_event_bytes = DEFAULT');
}

# ---- the other ways in -------------------------------------------------------------------------------------------------

$node->safe_psql('app', q{SELECT pg_create_logical_replication_slot('outbox', 'pgoutput'); UPDATE outbox.settings SET slots = '{outbox}'});
$node->safe_psql('app', q{CREATE ROLE inserter LOGIN; SELECT outbox.create_topic_view('orders', schema => 'public'); GRANT INSERT, SELECT ON orders_events TO inserter});
my $insert = q{INSERT INTO orders_events (key, payload) VALUES ('1', '{"n":1}') RETURNING id IS NOT NULL};
my ($denied, $inserted) = ('', '');
$node->psql('app', $insert, extra_params => [ '-U', 'inserter' ], stderr => \$denied);
like($denied, qr/permission denied for schema outbox/, 'who inserts into the view of a topic needs USAGE on the schema');
$node->safe_psql('app', 'GRANT USAGE ON SCHEMA outbox TO inserter');
$node->psql('app', $insert, extra_params => [ '-U', 'inserter' ], stdout => \$inserted);
is($inserted, 't', 'and nothing else');
is(join("\n", map { s/"id":"[^"]*",//r } emitted($node, 'outbox', 'get', 'app')), '{"topic":"orders","key":"1","payload":{"n":1}}', 'the event');
my ($waited, $to_wait_for) = ('', $node->safe_psql('app', 'SELECT pg_current_wal_insert_lsn()'));
$node->safe_psql('app', q{SELECT outbox.emit('orders', 'k', '1')});
$node->psql('app', q{CALL outbox.wait_delivered(timeout => '20 ms')}, stderr => \$waited, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($waited, qr/57014: what was committed before this position is not delivered in time/, 'outbox.wait_delivered() waits');
emitted($node, 'outbox', 'get', 'app');
is($node->psql('app', qq{CALL outbox.wait_delivered('$to_wait_for', '5 s')}), 0, 'until it is delivered');
like(wait_in_transaction(), qr/invalid transaction termination/, 'and not in a transaction, whose snapshot would stay');
$node->safe_psql('app', q{SELECT pg_drop_replication_slot('outbox'); UPDATE outbox.settings SET slots = '{regress_one_phase}'});

sub wait_in_transaction { my $err = ''; $node->psql('app', 'BEGIN; CALL outbox.wait_delivered()', stderr => \$err); return $err }

# ---- the settings ---------------------------------------------------------------------------------------------------------

# Returns SQLSTATE, message, detail and hint of a call by this role; "accepted" where there is no error.
sub call {
    my ($role, $call, $before) = @_;
    my $err = '';
    my $code = $node->psql('app', ($before // '') . "SELECT $call", extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ], on_error_stop => 1, stderr => \$err);
    return $code == 0 ? 'accepted' : $err;
}

like(call('owner', q{outbox.emit('t', 'k', '{}')}), qr/42704: replication slot "regress_one_phase" cannot deliver.*does not exist/s, 'a slot that is gone');
$node->safe_psql('app', q{UPDATE outbox.settings SET slots = '{}'});
like(call('owner', q{outbox.emit('t', 'k', '{}')}), qr/42704: no replication slot can deliver the event.*names no slot/s, 'no slot');
$node->safe_psql('app', q{SELECT pg_create_logical_replication_slot('outbox', 'pgoutput')});
$node->safe_psql('app', q{UPDATE outbox.settings SET slots = '{outbox}'});
is(call('owner', q{outbox.emit('t', 'k', '{}')}), 'accepted', 'a slot of pgoutput can deliver');
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('elsewhere', 'pgoutput')});
$node->safe_psql('app', q{UPDATE outbox.settings SET slots = '{outbox,elsewhere}'});
like(call('owner', q{outbox.emit('t', 'k', '{}')}), qr/"elsewhere" cannot deliver.*another database/s, 'a slot of another database cannot');
$node->safe_psql('app', q{UPDATE outbox.settings SET slots = '{outbox}', max_event_bytes = 100});
like(call('owner', q{outbox.emit('t', 'k', to_jsonb(repeat('x', 100)))}), qr/54000: event is larger than.*has 1\d\d bytes or more; the limit is 100/s, 'a large event');
$node->safe_psql('app', q{UPDATE outbox.settings SET max_event_bytes = DEFAULT});
like(call('owner', q{outbox.emit('t', repeat('k', 921600), '{}')}), qr/54000: key, type and headers are larger than 900 kB/, 'a large key');

$node->safe_psql('app', q{SELECT pg_create_logical_replication_slot('guard', 'outbox')});
# Nesting as deep as the guard allows, and one level deeper: an event that emit accepted and the guard rejected would be lost.
for my $depth (512, 513) {
    for my $type (qw(text json jsonb)) {
        my $answer = call('owner', "outbox.emit('t', 'k', (repeat('[', $depth) || repeat(']', $depth))::$type)");
        like($answer, $depth == 512 ? qr/^accepted/ : qr/54001: payload is nested more than 512 levels deep/, "$type of $depth levels");
    }
}

my $lines = $node->safe_psql('app', q[SELECT count(*) FILTER (WHERE data LIKE '{"topic"%'), count(*) FILTER (WHERE data LIKE '{"rejected"%') FROM pg_logical_slot_get_changes('guard', NULL, NULL)]);
is($lines, '3|0', 'the guard takes those');

# ---- roles -----------------------------------------------------------------------------------------------------------------

$node->safe_psql('app', 'CREATE ROLE app LOGIN; CREATE ROLE text_only LOGIN');
like(call('app', q{outbox.emit('t', 'k', '{}')}), qr/42501: permission denied for schema outbox/, 'a role without grants may not emit');
$node->safe_psql('app', 'GRANT USAGE ON SCHEMA outbox TO app, text_only; GRANT EXECUTE ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) TO text_only');
like(call('app', q{outbox.emit('t', 'k', '{}')}), qr/42501: permission denied for function emit/, 'nor one that may only look into the schema');
like(call('app', q{outbox.emit('t', 'k', '{}', NULL, '{}'::json)}), qr/42501: permission denied for function emit.*GRANT EXECUTE/s, 'also with headers that are json');
is(call('text_only', q{outbox.emit('t', 'k', '{}', NULL, '{}'::json)}), 'accepted', 'one grant is enough for both kinds of headers');
like(call('text_only', q{outbox.emit('t', 1, '{}', NULL, '{}'::json)}), qr/42501: permission denied for function emit/, 'a grant is one for a type of key');
$node->safe_psql('app', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO app');
is(call('app', q{outbox.emit('t', 'k', '{}')}), 'accepted', 'a role with grants may emit');
like(call('app', q{outbox.emit('t', 'k', '{}')}, q{UPDATE outbox.settings SET missing_slot = 'ignore';}), qr/42501: permission denied for table settings/, 'and change no setting');

# Headers of a whole transaction, while no library knows the setting.
sub headers_of { my ($sql) = @_; my $out = ''; $node->psql('app', $sql, stdout => \$out, on_error_stop => 1);
    return join ' ', $node->safe_psql('app', q[SELECT data FROM pg_logical_slot_get_changes('guard', NULL, NULL)]) =~ /"headers":(\{[^}]*\})/g }
is(headers_of(q[BEGIN; SET LOCAL outbox.headers = '{"traceparent": "00", "tenant": "7"}'; SELECT outbox.emit('t', 'k', '{}'), outbox.emit('t', 'k', '{}', NULL, '{"own": "1", "tenant": "8"}');
    COMMIT; SELECT outbox.emit('t', 'k', '{}')]), '{"traceparent":"00","tenant":"7"} {"own":"1","tenant":"8","traceparent":"00"}', 'outbox.headers goes under the headers of the call, and ends with its transaction');
like(call('owner', q{outbox.emit('t', 'k', '{}')}, q{SET outbox.headers = '["secret"]';}), qr/2203C: headers of "outbox.headers" must be a JSON object(?!.*(secret|DETAIL))/s, 'a wrong value is refused, and the call is not blamed for it');
like(call('owner', q{outbox.emit('t', 'k', '{}')}, q{SET outbox.headers = '{"type": "x"}';}), qr/42939: headers of "outbox.headers" must not be named/, 'so is a reserved name there');
unlike(call('owner', q{outbox.emit('t', 'k', '{}', NULL, '[]')}), qr/DETAIL/, 'headers that are no object have nothing more to say');

# The caller's own objects do not stand for the server's: no cast of the caller's type and no operator on the caller's search_path runs with more
# rights.
$node->safe_psql('app', 'CREATE SCHEMA trap; CREATE FUNCTION trap.no(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \'trap\'; END $$;'
    . 'CREATE OPERATOR trap.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.no); GRANT USAGE ON SCHEMA trap TO app');
is(call('app', q{outbox.emit('t', 'k', '{"a": 1}', 'x', '{"h": "v"}')}, 'SET search_path TO trap, pg_catalog;'), 'accepted', 'an operator on the search path is not ours');

# ---- other encodings -------------------------------------------------------------------------------------------------------

# emit refuses bytes that are no UTF-8, for which the guard would reject the event after its commit.
$node->safe_psql('postgres', q{CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('ascii', "BEGIN;\\i $script\nCOMMIT;");
$node->safe_psql('ascii', q{SELECT pg_create_logical_replication_slot('ascii', 'outbox')});
$node->safe_psql('ascii', q{UPDATE outbox.settings SET slots = '{ascii}'});
my $byte = q{convert_from('\xe4', 'SQL_ASCII')};
for my $call (qq{outbox.emit('t', $byte, '{}')}, qq{outbox.emit('t', 'k', '"' || $byte || '"')}, qq{outbox.emit('t', 'k', '{}', $byte)}) {
    my $err = '';
    $node->psql('ascii', "SELECT $call", extra_params => [ '-v', 'VERBOSITY=verbose' ], stderr => \$err);
    like($err, qr/22021: (?:key|payload|type) is not valid text or cannot be written in UTF-8/, "SQL_ASCII: $call");
}
is($node->safe_psql('ascii', q{SELECT count(*) FROM pg_logical_slot_get_binary_changes('ascii', NULL, NULL)}), 0, 'none of them is in the stream');
$node->safe_psql('ascii', q{SELECT outbox.emit('t', convert_from('\xc3a4', 'SQL_ASCII'), '"' || convert_from('\xc3a4', 'SQL_ASCII') || '"')});
like($node->safe_psql('ascii', q{SELECT data FROM pg_logical_slot_get_changes('ascii', NULL, NULL)}), qr/"key":"\xc3\xa4".*"payload":"\xc3\xa4"/, 'bytes that are UTF-8 are text');

# ---- Turkish ---------------------------------------------------------------------------------------------------------------

# lower('I') is no i there.
SKIP: {
    skip 'before PostgreSQL 15 a database has the locale provider of its cluster', 1 if $node->pg_version->major < 15;
    my $err = '';
    $node->psql('postgres', q{CREATE DATABASE turkish TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr'}, stderr => \$err);
    skip 'this server was built without ICU', 1 if $err =~ /ICU is not supported in this build/;
    $node->safe_psql('turkish', "BEGIN;\\i $script\nCOMMIT;");
    is($node->safe_psql('turkish', q{SET outbox.capture = 'SESSION'; SELECT outbox.emit('t', 'k', '{}'); SELECT topic FROM outbox.captured()}) =~ s/.*\n//r, 't', 'settings are words of ASCII');
}

done_testing();
