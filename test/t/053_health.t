# outbox-relay health is the health check of a container whose image has no other program.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slowness wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $node = outbox_node('main');
create_slot($node);
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $relay = Outbox::Relay->new($node, args => [ '--listen', "0.0.0.0:$port" ])->start;
wait_until { $relay->log =~ /streaming/ } 'it streams';

sub health_is {
    my ($expected, $says, $name, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = Outbox::Relay::call('health', @arguments);
    is($code, $expected, "$name: exit status $expected") or diag $err;
    like($out, $says, 'and it says why');
}

local $ENV{OUTBOX_LISTEN} = "0.0.0.0:$port";
health_is(0, qr/^ok$/, 'a loop that turns');
health_is(0, qr/^streaming$/, 'a stream', '--ready');
health_is(0, qr/^ok$/, 'by the address that is reached', '--listen', "127.0.0.1:$port");
{
    local $ENV{OUTBOX_BROKERS} = '';
    health_is(0, qr/^ok$/, "with a wrong setting of another command's");
}
$node->stop;
wait_until { (Outbox::Relay::call(qw(health --ready)))[0] ne '0' } 'the relay notices';
health_is(0, qr/^ok$/, 'without PostgreSQL the loop turns');
health_is(1, qr/^connecting$/, 'but there is no stream', '--ready');

$relay->signal('STOP');
my $start = time;
health_is(1, qr/no answer/, 'a relay that is frozen');
cmp_ok(time - $start, '<', 8 * slowness(), 'within seconds');
$relay->signal('CONT');
is($relay->terminate, 0, 'the relay ends');
health_is(1, qr/Connection refused/, 'no relay at all');

for my $wrong ([], [ '--listen', '127.0.0.1:0' ], [ '--listen', 'nowhere' ]) {
    delete local $ENV{OUTBOX_LISTEN};
    my ($code, undef, $err) = Outbox::Relay::call('health', @$wrong);
    is($code, 2, "health @$wrong: exit status 2");
    like($err, qr/--listen/, 'with the name of the option');
}

done_testing();
