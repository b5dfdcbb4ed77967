# On SIGHUP a running relay reads its file again: settings that can change do, the log names those that need a restart, and a file that cannot be used
# changes nothing.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Status qw(metrics);
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};    # the file says all of the connections
my $file = PostgreSQL::Test::Utils::tempdir('reload') . '/relay.toml';
my $kafka = Outbox::Kafka->new->start;
$kafka->create_topic('orders');
my $node = outbox_node('main');
create_slot($node);
my %good = (slot => '"outbox"', listen => '"127.0.0.1:0"', log_level => '"info"', max_in_flight_bytes => 8388608);

sub write_config {
    my ($kafka_table, %values) = @_;
    my %all = (%good, dsn => '"' . $node->connstr('postgres') . ' user=relay"', brokers => '"' . $kafka->brokers . '"', %values);
    unlink "$file.new";
    append_to_file("$file.new", join '', (map { "$_ = $all{$_}\n" } sort keys %all), "[kafka]\n$kafka_table\n");
    rename "$file.new", $file or die $!;
    return;
}

write_config('client.id = "first"');
my $relay = Outbox::Relay->new($node);
$relay->{command} = [ $ENV{OUTBOX_RELAY}, 'run', '--config', $file ];
$relay->start;

sub delivers {
    my ($case) = @_;
    $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    return ok(wait_for_confirmation($node), "$case: it delivers");
}
delivers('by its file');

write_config('client.id = "second"', slot => '"another"', commit_interval_ms => 70);
$relay->signal('HUP');
$relay->wait_for_log(qr/info +the settings were read again$/m);
$relay->wait_for_log(qr/the relay must be restarted for changes of these settings: slot, commit_interval_ms$/m);
$relay->wait_for_log(qr/look for other passwords and certificates of Kafka: making a new producer/);
delivers('with another property');

for my $case ([ 'no TOML', 'client.id = second', qr/: this is no TOML/ ], [ 'an unknown key', "x = 1\n[none]", qr/"none" is no setting/ ], [ 'a bad property', 'acks = 1', qr/"acks" is locked/ ]) {
    my ($name, $table, $pattern) = @$case;
    my $before = $relay->count_log(qr/goes on with the earlier settings/);
    write_config($table, log_level => '"error"');
    $relay->signal('HUP');
    $relay->wait_for_log(qr/the settings cannot be read again: .*$pattern.*; the relay goes on with the earlier settings/);
    delivers($name);
    is($relay->count_log(qr/goes on with the earlier settings/), $before + 1, 'which it says once');
}

# ---- the bounds of memory and of waiting

$kafka->stop;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', to_json(repeat('x', 100000))::text) FROM generate_series(1, 15)});
wait_until { metrics($relay)->{in_flight_bytes} > 1_400_000 } 'events wait for Kafka';
my $held = metrics($relay)->{in_flight_bytes};
write_config('client.id = "second"', max_in_flight_bytes => 70000, shutdown_grace_ms => 300);
$relay->signal('HUP');
$relay->wait_for_log(qr/(?:settings were read again.*){2}/s);
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', to_json(repeat('x', 100000))::text) FROM generate_series(1, 10)});
metrics($relay) for 1 .. 5;
is(metrics($relay)->{in_flight_bytes}, $held, 'with less memory the relay takes nothing more, and keeps what it holds');
write_config('client.id = "second"', max_in_flight_bytes => 20_000_000, shutdown_grace_ms => 300);
$relay->signal('HUP');
wait_until { metrics($relay)->{in_flight_bytes} > $held + 900_000 } 'with more it takes more';
unlike($relay->log, qr/must be restarted for changes of these settings: .*(?:max_in|shutdown)/, 'neither needs a restart');

write_config('client.id = "second"', log_level => '"warn"', shutdown_grace_ms => 300);
$relay->signal('HUP');
$relay->wait_for_log(qr/(?:settings were read again.*){4}/s);
is($relay->terminate, 0, 'it ends');
like($relay->log, qr/stopped before Kafka had everything/, 'after the grace that the file has now');
unlike($relay->log, qr/info +stopped/, 'with the level of its log that the file has now');
done_testing();
