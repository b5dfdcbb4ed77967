# A copy of the server or of the database publishes nothing by accident, also where its relay has the options of production's relay: a base backup that
# is started or promoted, a dump that is restored, a copy of the disk. The copy's emit refuses, its relay ends with a reason, and setup with exactly-once
# delivery does not write over production's position. Production goes on all the while, with each event once.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Major;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'the copies have no certificates' if $ENV{TLS};

$Outbox::Relay::call_patience_s = 180;    # setup and drain wait for servers
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders', 1);
my @exactly_once = qw(--delivery exactly-once);
my $production = outbox_node('production');
$production->safe_psql('postgres', 'CREATE TABLE orders (number int PRIMARY KEY)');
my ($code, $out, $err) = Outbox::Relay::set_up_exactly_once($production, $kafka);
is($code, 0, 'production is set up') or diag "$out$err";
my $relay = Outbox::Relay->new($production, name => 'production', kafka => $kafka, args => \@exactly_once)->start;
my $stop_orders = begin_orders($production);
wait_until { $production->safe_psql('postgres', 'SELECT count(*) FROM orders') > 10 } 'orders are placed';
ok(wait_for_confirmation($production), 'and delivered');

# A server with the data of another, such as a backup that somebody starts.
sub copy_of {
    my ($name, $backup) = @_;
    my $copy = PostgreSQL::Test::Cluster->new($name);
    $copy->init_from_backup($production, $backup, standby => 0);
    return $copy;
}

# The copy has no slot, so that nothing of it can be published.
sub is_mute {
    my ($copy, $what) = @_;
    is($copy->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, "$what: the slot is not part of it");
    my (undef, undef, $error) = $copy->psql('postgres', q{BEGIN; INSERT INTO orders VALUES (1); SELECT outbox.emit('orders', 'k', '{"number":1}'); COMMIT}, on_error_stop => 1);
    like($error, qr{(?:no replication slot can|replication slot "outbox" cannot) deliver the event}, "$what: emit refuses");
    is($copy->safe_psql('postgres', 'SELECT count(*) FROM orders WHERE number = 1'), 0, "$what: and its transaction is rolled back");
    for my $delivery (qw(at-least-once exactly-once)) {
        my $other = Outbox::Relay->new($copy, name => $copy->name . "-$delivery", kafka => $kafka, args => [ '--delivery', $delivery ])->start;
        is($other->wait_for_exit(120), 3, "$what: a relay with production's options ends with 3, $delivery");
        like($other->log, qr/slot "outbox" does not exist/, "$what: and says why");
    }
    return;
}

# Somebody sets the copy up against production's Kafka.
sub is_not_set_up {
    my ($copy, $what, $reason) = @_;
    my ($status, $said, $complaint) = Outbox::Relay::set_up_exactly_once($copy, $kafka);
    is($status, 6, "$what: setup for exactly-once delivery to production's Kafka is refused") or diag "$said$complaint";
    like($complaint, $reason, "$what: with the reason");
    my $other = Outbox::Relay->new($copy, name => $copy->name . '-set-up', kafka => $kafka, args => \@exactly_once)->start;
    is($other->wait_for_exit(120), 6, "$what: and its relay ends with 6");
    return;
}

# ---- a base backup

$production->backup('backup');
my $restored = copy_of('restored', 'backup');
$restored->start;
is_mute($restored, 'a backup that is started');
my $saved = $production->safe_psql('postgres', 'SELECT max(number) FROM orders');
wait_until { $production->safe_psql('postgres', "SELECT max(number) > $saved + 10 FROM orders") eq 't' } 'production goes on';
ok(wait_for_confirmation($production), 'production delivers');
is_not_set_up($restored, 'a backup that is started', qr/restored from a backup, or is another one|events between the two may be missing/);
$restored->stop;

my $promoted = PostgreSQL::Test::Cluster->new('promoted');
$promoted->init_from_backup($production, 'backup', has_streaming => 1);
$promoted->start;
$production->wait_for_catchup($promoted, 'replay', $production->lsn('insert'));
$promoted->promote;
is_mute($promoted, 'a clone that is promoted');
$saved = $production->safe_psql('postgres', 'SELECT max(number) FROM orders');
wait_until { $production->safe_psql('postgres', "SELECT max(number) > $saved + 10 FROM orders") eq 't' } 'production goes on';
ok(wait_for_confirmation($production), 'production delivers');
is_not_set_up($promoted, 'a clone that is promoted', qr{or this server is a copy});
$promoted->stop;

# ---- a copy of the disk, with the slot

is($stop_orders->(20), '', 'production has refused no order');
ok(wait_for_confirmation($production), 'production delivers');
$production->stop;
my $snapshot = PostgreSQL::Test::Cluster->new('snapshot');
rmdir $snapshot->data_dir;
PostgreSQL::Test::RecursiveCopy::copypath($production->data_dir, $snapshot->data_dir, filterfn => sub { $_[0] ne 'postmaster.pid' });
chmod 0700, $snapshot->data_dir;
$snapshot->append_conf('postgresql.conf', 'port = ' . $snapshot->port);
$production->start;
$stop_orders = begin_orders($production);
wait_until { $production->safe_psql('postgres', 'SELECT count(*) > 20 FROM orders WHERE number > 200000') eq 't' } 'production goes on';
ok(wait_for_confirmation($production), 'production delivers');
$snapshot->start;
my $other = Outbox::Relay->new($snapshot, name => 'snapshot', kafka => $kafka, args => \@exactly_once)->start;
is($other->wait_for_exit(120), 6, 'a copy of the disk: with exactly-once delivery its relay ends with 6');
like($other->log, qr/restored from a backup, or is another one/, 'a copy of the disk: and says why');
$snapshot->safe_psql('postgres', q{SELECT pg_drop_replication_slot('outbox')});
is_mute($snapshot, 'a copy of the disk without its slot');
$snapshot->stop;

# ---- a dump

$production->safe_psql('postgres', 'CREATE DATABASE staging');
my $dump = $production->basedir . '/dump';
$production->command_ok([ 'pg_dump', '--format', 'custom', '--file', $dump, $production->connstr('postgres') ], 'a dump');
$production->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $production->connstr('staging'), $dump ], 'is restored beside production');
my (undef, undef, $error) = $production->psql('staging', q{SELECT outbox.emit('orders', 'k', '{"number":1}')});
like($error, qr{(?:no replication slot can|replication slot "outbox" cannot) deliver the event}, "a restored dump: emit refuses, though production's database has a slot");
$other = Outbox::Relay->new($production, name => 'staging', dsn => $production->connstr('staging'), kafka => $kafka, args => \@exactly_once)->start;
is($other->wait_for_exit(120), 3, "a restored dump: a relay with production's options ends with 3");
like($other->log, qr/database "postgres"/, 'a restored dump: and says whose slot it is');

# ---- production

is($stop_orders->(20), '', 'production has refused no order in all that time');
ok(wait_for_confirmation($production), 'production delivers');
ok($relay->alive, "production's relay lives");
judge_orders($production, $kafka, 'production');
is($relay->terminate, 0, 'and ends in good order');

done_testing();
