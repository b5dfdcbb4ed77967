# pg_upgrade from PostgreSQL 17 on, as docs/upgrading.md says: the slot moves, once everything in it is consumed. The relay runs all the while. With
# at-least-once delivery the relay goes on by itself. With exactly-once delivery it stops, because the upgraded server has another system identifier,
# and names one command; with that command it goes on. With either delivery Kafka has the event of each order once.
use strict;
use warnings;

use File::Basename qw(dirname);
use Outbox::Kafka;
use Outbox::Major;
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my @upgrades = upgrades(1);
$Outbox::Relay::call_patience_s = 180;    # setup and drain wait for servers
my $kafka = Outbox::Kafka->new->start;

sub system_identifier { my ($node) = @_; return $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()') }

# Runs a command as the relay has printed it.
sub run_as_printed {
    my ($command) = @_;
    my $folder = PostgreSQL::Test::Utils::tempdir('printed');
    my $process = Outbox::Process->spawn(name => 'the printed command', command => [ 'sh', '-c', $command ], stdout => "$folder/out", stderr => "$folder/err",
        env => { PATH => dirname($ENV{OUTBOX_RELAY}) . ":$ENV{PATH}" });
    return ($process->wait_for_exit(120), slurp("$folder/out") . slurp("$folder/err"));
}

sub play {
    my ($delivery, @majors) = @_;
    my $what = "$majors[0] to $majors[1], $delivery";
    my $suffix = $what =~ tr/ ,-//dr;
    $kafka->create_topic('orders', 1);
    my $old = old_server("old$suffix", $majors[0]);
    $old->safe_psql('postgres', 'CREATE TABLE orders (number int PRIMARY KEY)');
    forget_column_versions($old, $majors[1]);
    my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $old->connstr('postgres'), '--brokers', $kafka->brokers, '--delivery', $delivery);
    is($code, 0, "$what: set up") or diag "$out$err";
    my $before = system_identifier($old);
    my $relay = Outbox::Relay->new($old, name => $suffix, kafka => $kafka, args => [ '--delivery', $delivery ])->start;
    my $stop_orders = begin_orders($old);
    my $new = new_server("new$suffix", $majors[1], $old);
    $stop_orders->(20);

    # ---- an upgrade that does not wait for the relay

    ok(wait_for_confirmation($old), "$what: events are delivered");
    $relay->kill_nine;
    begin_orders($old)->(10);
    $old->stop('fast');
    my ($status, $said) = pg_upgrade($old, $new, '--check');
    isnt($status, 0, "$what: pg_upgrade refuses while events are not consumed");
    like($said, qr/The slot "outbox" has not consumed the WAL yet/, "$what: and names the slot");

    # ---- the upgrade, step by step

    $old->start;
    $relay->start;
    ($code, $out, $err) = Outbox::Relay::call('drain', '--dsn', $old->connstr('postgres') . ' user=relay', qw(--timeout 120));
    is($code, 0, "$what: everything is delivered") or diag $err;
    $old->stop('fast');
    ($status, $said) = pg_upgrade($old, $new, '--check');
    is($status, 0, "$what: now pg_upgrade has no objection") or diag $said;
    ($status, $said) = pg_upgrade($old, $new);
    is($status, 0, "$what: upgraded") or diag $said;
    $new->start;
    is(slot($new, 'plugin'), 'outbox', "$what: the slot has moved");
    isnt(system_identifier($new), $before, "$what: the system identifier is another");
    $stop_orders = begin_orders($new);    # applications need not wait for the relay

    if ($delivery eq 'exactly-once') {
        is($relay->wait_for_exit(120), 6, "$what: the relay stops with 6");
        my ($command) = $relay->log =~ /After pg_upgrade .*: (outbox-relay setup .* --reset-state)$/m;
        ok($command, "$what: and names the command that goes on") or diag $relay->log;
        my $printed;
        ($code, $printed) = run_as_printed($command // 'false');
        is($code, 0, "$what: the command does as it stands") or diag $printed;
        $relay->start;
    }
    return end_upgrade($new, $kafka, $relay, $stop_orders, $what);
}

play_upgrades(\&play, @upgrades);
