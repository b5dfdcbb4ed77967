# Passwords and certificates change while the relay runs: once both sides have changed the relay uses the new ones by itself, and at once on SIGHUP.
use strict;
use warnings;

use Outbox::Kafka;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

delete $ENV{TLS};    # this test has its own certificates
my $ours = Outbox::Tls->new('ours');
my $right = $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1');
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $folder = PostgreSQL::Test::Utils::tempdir('properties');
my $file = "$folder/kafka.properties";

# The broker reads a user's password from a file of its own, because the broker's configuration is made once.
my $kafka = Outbox::Kafka->new(
    listeners => ["SASL://127.0.0.1:$port"], protocols => ',SASL:SASL_SSL',
    properties => $ours->kafka_listener_settings('SASL', $right) . users('first'));
sub users { my ($password) = @_; return "listener.name.sasl.sasl.enabled.mechanisms=PLAIN\n" . jaas($password) }
sub jaas { my ($password) = @_; return qq{listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_relay="$password";\n} }

sub write_properties {
    my ($password) = @_;
    open my $new, '>', "$file.new" or die $!;
    print $new "security.protocol=SASL_SSL\nssl.ca.location=", $ours->ca, "\nsasl.mechanisms=PLAIN\nsasl.username=relay\nsasl.password=$password\n";
    close $new;
    rename "$file.new", $file or die $!;
    return;
}

# Changes the broker's configuration, and restarts the broker.
sub change_broker {
    my ($from, $to) = @_;
    $kafka->stop;
    my $text = PostgreSQL::Test::Utils::slurp_file($kafka->{config});
    my ($old, $new) = map { jaas($_) } $from, $to;
    $text =~ s/\Q$old\E/$new/ or die 'no such user';
    open my $out, '>', $kafka->{config} or die $!;
    print $out $text;
    close $out;
    $kafka->start;
    return;
}

write_properties('first');
$kafka->start;
$kafka->create_topic('orders');
my $node = outbox_node('main');
my @secure = ('--property-file', $file);
my $brokers = "127.0.0.1:$port";
my @relays;
for my $delivery (qw(at-least-once exactly-once)) {
    my $slot = $delivery =~ /^(\w+)/ ? "outbox_$1" : die;
    my ($code, undef, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--slot', $slot, '--delivery', $delivery, '--brokers', $brokers, @secure);
    is($code, 0, "$delivery: setup") or diag $err;
    push @relays, Outbox::Relay->new($node, name => $slot, kafka => $brokers, args => [ '--slot', $slot, '--delivery', $delivery, @secure ])->start;
}
sub emit { return $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')}) }
sub all_confirmed { my ($what) = @_; ok(wait_for_confirmation($node, $_), "$_: $what") for qw(outbox_at outbox_exactly); return }

emit();
all_confirmed('an event is delivered with the first password');

# ---- the broker first, the file later

change_broker('first', 'second');
emit();
$_->wait_for_log(qr/Kafka refuses the connection at 127\.0\.0\.1:$port: .*[Aa]uthentication/) for @relays;
pass('the old password is refused, and the relays say so');
write_properties('second');
all_confirmed('the new one is taken up when it is there');

# ---- a file that cannot be used, then SIGHUP

write_properties("third\nacks=1");
$_->signal('HUP') for @relays;
$_->wait_for_log(qr/cannot be read again: property "acks" is locked/) for @relays;
emit();
all_confirmed('a file that cannot be used changes nothing');
write_properties('second');
$_->signal('HUP') for @relays;
$_->wait_for_log(qr/look for other passwords and certificates of Kafka: there are none/) for @relays;
my $since = $relays[0]->count_log(qr/with a new producer/);
utime time + 5, time + 5, $ours->ca or die $!;    # as when it is replaced
$_->signal('HUP') for @relays;
$_->wait_for_log(qr/look for other passwords and certificates of Kafka: making a new producer/) for @relays;
emit();
all_confirmed('another authority file takes a new producer');
unlike($_->log, qr/\b(first|second|third)\b/, 'no password is in the log') for @relays;
is($_->terminate, 0, 'it ends in good order') for @relays;
my %seen;
$seen{ $_->{headers}[0][1] }++ for $kafka->consume('orders');
is(scalar(keys %seen), 4, 'every event is there');

done_testing();
