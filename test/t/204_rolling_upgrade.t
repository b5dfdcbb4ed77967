# A rolling upgrade from release 1.0.0, and the way back: the relay and the plugin of either release, together with those of the other, while an
# application places orders without a pause. With either delivery no event is lost, and with exactly-once delivery none comes twice. Each relay is
# killed, so that it leaves a position behind that the next one has to understand.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use Outbox::Kafka;
use Outbox::Major;
use Outbox::Node;
use Outbox::Process qw(wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Utils;
use Test::More;

my $release = "$ENV{OUTBOX_BUILD}/release-1.0";
plan skip_all => 'make test-upgrade builds release 1.0.0 and runs it' if !-x "$release/outbox-relay";
plan skip_all => 'release 1.0.0 was built for another server' if slurp_file("$release/made-of") !~ /\Q${\ (`pg_config --version` =~ s{\n}{}r)}\E/;
plan skip_all => 'the relay of 1.0 is started without certificates' if $ENV{TLS};

# A server of its own, of which the test can replace files: a copy of the test's private server, with the files of 1.0.
my $server = PostgreSQL::Test::Utils::tempdir('server');
system('cp', '-a', "$ENV{TEST_RUN_FOLDER}/server/.", $server) == 0 or die 'cp has failed';
my ($bin, $library, $share) = map { chomp(my $path = `pg_config $_`); $server . substr $path, length "$ENV{TEST_RUN_FOLDER}/server" } qw(--bindir --pkglibdir --sharedir);
my %current = (library => "$library/outbox.so.current");
rename "$library/outbox.so", $current{library} or die "rename: $!";

# Replaces the library as `make install` does, by a new file.
sub install_library {
    my ($file) = @_;
    copy($file, "$library/outbox.so.new") or die "copy: $!";
    chmod 0755, "$library/outbox.so.new";
    rename "$library/outbox.so.new", "$library/outbox.so" or die "rename: $!";
    return;
}

my %program = (old => "$release/outbox-relay", new => $ENV{OUTBOX_RELAY});
$Outbox::Relay::call_patience_s = 180;    # setup and drain wait for servers
my $kafka = Outbox::Kafka->new->start;

for my $delivery (qw(at-least-once exactly-once)) {
    $kafka->delete_topic('orders') if $delivery eq 'exactly-once';
    $kafka->create_topic('orders', 1);
    install_library("$release/outbox.so");
    my $node = outbox_node($delivery =~ tr/-//dr, install_path => dirname($bin), bare => 1);
    $node->safe_psql('postgres', q{CREATE EXTENSION outbox VERSION '1.0'; CREATE TABLE orders (number int PRIMARY KEY)});
    {
        local $ENV{OUTBOX_RELAY} = $program{old};
        my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', $node->connstr('postgres'), '--delivery', $delivery,
            $delivery eq 'exactly-once' ? ('--brokers', $kafka->brokers) : ());
        is($code, 0, "$delivery: set up by 1.0") or diag "$out$err";
    }
    my %relay = map { $_ => Outbox::Relay->new($node, name => "$delivery-$_", program => $program{$_}, kafka => $kafka, args => [ '--delivery', $delivery ]) } keys %program;
    my $stop_orders = begin_orders($node);

    my $running;
    my $change_to = sub {
        my ($which, $what) = @_;
        $running->kill_nine if $running;
        $running = $relay{$which}->start;
        ok(wait_for_confirmation($node), "$delivery: $what");
        return;
    };
    $change_to->('old', 'relay and extension of 1.0');
    $change_to->('new', 'the relay of 1.1 reads the plugin of 1.0, from the position of the relay of 1.0');
    $change_to->('old', 'the relay of 1.0 goes on from the position of the relay of 1.1');
    install_library($current{library});
    ok(wait_for_confirmation($node), "$delivery: the plugin of 1.0 in a running walsender reads what emit of 1.1 writes");
    $change_to->('old', 'the relay of 1.0 reads the plugin of 1.1');
    $node->safe_psql('postgres', 'ALTER EXTENSION outbox UPDATE');
    is($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'outbox'}), '1.1', "$delivery: the extension is upgraded under load");
    ok(wait_for_confirmation($node), "$delivery: the relay of 1.0 delivers what the upgraded extension writes");
    $change_to->('new', 'relay and extension of 1.1');
    $change_to->('old', 'the way back: the relay of 1.0 with the upgraded extension');
    $change_to->('new', 'and forward again');
    is($stop_orders->(20), '', "$delivery: no order was refused meanwhile");
    ok(wait_for_confirmation($node), "$delivery: everything is delivered");
    judge_orders($node, $kafka, $delivery, may_repeat => $delivery ne 'exactly-once');
    is($running->terminate, 0, "$delivery: the relay ends in good order");
    $node->stop;
}

done_testing();
