# Servers of other majors, which test/support/majors has made, and their upgrade by pg_upgrade; and an application that places orders before and
# after the upgrade, each with its event.
package Outbox::Major;

use strict;
use warnings;

use Cwd qw(getcwd);
use Exporter qw(import);
use File::Basename qw(dirname);
use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(upgrades play_upgrades old_server new_server forget_column_versions pg_upgrade end_upgrade begin_orders judge_orders);

sub _folder { my ($major) = @_; return "$ENV{OUTBOX_BUILD}/majors/$major" }

sub _install_path {
    my ($major) = @_;
    chomp(my $bindir = slurp(_folder($major) . '/bindir'));
    return _folder($major) . '/' . dirname($bindir);
}

# The upgrades to play, as pairs of majors: from each of TEST_MAJORS to the next one. `keeps_slots`: those that keep slots, or those that lose them.
# Skips the file where there is none.
sub upgrades {
    my ($keeps_slots) = @_;
    my @majors = split ' ', $ENV{TEST_MAJORS} // '';
    plan skip_all => 'make test-upgrade runs it, on servers of several majors' if !@majors;
    my @missing = grep { !-s _folder($_) . '/bindir' } @majors;
    plan skip_all => "PostgreSQL @missing is missing: make test-upgrade makes it" if @missing;
    plan skip_all => 'pg_upgrade starts its servers without TLS' if $ENV{TLS};
    my @upgrades = grep { ($_->[0] >= 17) == $keeps_slots } map { [ @majors[ $_ - 1, $_ ] ] } 1 .. $#majors;
    plan skip_all => "no upgrade of the kind among PostgreSQL @majors" if !@upgrades;
    return @upgrades;
}

# Calls the code with the delivery and the two majors of each upgrade, for both deliveries, and ends the file.
sub play_upgrades {
    my ($play, @upgrades) = @_;
    for my $upgrade (@upgrades) {
        for my $delivery (qw(at-least-once exactly-once)) { $play->($delivery, @$upgrade) }
    }
    return done_testing();
}

# A running server of this major, with the extension and the role `relay`.
sub old_server { my ($name, $major, %options) = @_; return outbox_node($name, install_path => _install_path($major), %options) }

# An empty server of this major that does not run, at the port of the old one, prepared for pg_upgrade: with the old one's settings, and without
# checksums where the old one has none, because it is older than 18.
sub new_server {
    my ($name, $major, $old, %options) = @_;
    my @init = $major >= 18 && $old->pg_version->major < 18 ? '--no-data-checksums' : ();
    return outbox_node($name, install_path => _install_path($major), port => $old->port, init => \@init, empty => 1, %options);
}

# Servers of 15.20 and 17.12 keep an option of each column, pg_attver, in the catalog. Their own pg_dump leaves the option out; pg_dump of 18.6 does not,
# and so pg_upgrade to 18.6 fails for every table. The function takes the option out of the old server's catalog where the new pg_dump does not know it.
sub forget_column_versions {
    my ($old, $major) = @_;
    return if slurp(_folder($major) . '/programs/pg_dump') =~ /pg_attver/;
    return $old->safe_psql('postgres', q{UPDATE pg_attribute SET attoptions = nullif(ARRAY(SELECT o FROM unnest(attoptions) AS o WHERE o NOT LIKE 'pg_attver=%'), '{}')
        WHERE array_to_string(attoptions, ' ') LIKE '%pg_attver=%'});
}

# Runs the new server's pg_upgrade on two servers that do not run: (exit status, output and files of complaints).
sub pg_upgrade {
    my ($old, $new, @more) = @_;
    my $here = getcwd();
    my $folder = PostgreSQL::Test::Utils::tempdir('upgrade');
    chdir $folder or die "chdir: $!";    # where pg_upgrade of some versions leaves its files
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my ($from, $to) = map { dirname($_->installed_command('pg_upgrade')) } $old, $new;
    my ($out, $err) = run_command([ "$to/pg_upgrade", '--no-sync', '--old-bindir', $from, '--new-bindir', $to, '--old-datadir', $old->data_dir,
        '--new-datadir', $new->data_dir, '--socketdir', PostgreSQL::Test::Utils::tempdir_short(), '--old-port', $port, '--new-port', $port, @more ]);
    my $status = $?;
    chdir $here or die "chdir: $!";
    my @complaints = map { slurp($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/*.txt');
    push @complaints, grep { /error|fatal/i } map { split /\n/, slurp($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/log/*.log') if $status;
    return ($status, join "\n", $out, $err, @complaints);
}

# The end of an upgrade that was played: the application ends after so many more orders, the relay delivers their events, and Kafka has each order's
# event once. Then relay and server end, and the topic goes.
sub end_upgrade {
    my ($new, $kafka, $relay, $stop_orders, $what) = @_;
    $stop_orders->(20);
    ok(wait_for_confirmation($new), "$what: the events that follow are delivered");
    judge_orders($new, $kafka, $what);
    ok($relay->alive, "$what: the relay goes on");
    is($relay->terminate, 0, "$what: and ends in good order");
    $new->stop;
    $kafka->delete_topic('orders');
    return;
}

# Places one order after the other, each in a transaction with its event and over a connection of its own. The returned function waits until so many
# orders are placed, ends the application, and returns its errors. Where the server is away, or refuses an order, the application tries the next number.
my $application = <<'END_SH';
number=$2
while [ ! -e "$1/stop" ]; do
    number=$((number + 1))
    "$3" -XAtq -v ON_ERROR_STOP=1 -d "$4" 2>>"$1/errors" <<SQL || sleep 0.2
BEGIN;
INSERT INTO orders VALUES ($number);
SELECT outbox.emit('orders', 'k', '{"number":$number}') IS NOT NULL AS placed \gset
COMMIT;
SQL
done
END_SH

my $number = 0;

sub begin_orders {
    my ($node) = @_;
    $number += 100_000;    # no order has the number of another application's
    my $folder = PostgreSQL::Test::Utils::tempdir('application');
    my $process = Outbox::Process->spawn(name => 'application', stdout => "$folder/out", stderr => "$folder/err",
        command => [ 'bash', '-c', $application, 'application', $folder, $number, $node->installed_command('psql'), $node->connstr('postgres') ]);
    my $first = $number;
    return sub {
        my ($least) = @_;
        wait_until { $node->safe_psql('postgres', "SELECT count(*) >= $least FROM orders WHERE number > $first") eq 't' } "$least orders are placed; psql says: " . slurp("$folder/errors");
        open my $file, '>', "$folder/stop" or die "stop: $!";
        close $file;
        $process->wait_for_exit(60);
        return slurp("$folder/errors");
    };
}

# Compares the orders that the server has with the events that Kafka has: none is missing, none is left over, all are in order, and none comes twice,
# unless `may_repeat`.
sub judge_orders {
    my ($node, $kafka, $what, %options) = @_;
    my %saved = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT number FROM orders');
    my @delivered = map { $_->{value} =~ /"number":(\d+)/ } $kafka->consume('orders');
    my %times;
    my @first = grep { !$times{$_}++ } @delivered;
    is_deeply([ grep { !$times{$_} } sort { $a <=> $b } keys %saved ], [], "$what: none of " . keys(%saved) . ' saved orders is without its event');
    is_deeply([ grep { !$saved{$_} } @first ], [], "$what: no event is without its order");
    is_deeply(\@first, [ sort { $a <=> $b } @first ], "$what: in order");
    if ($options{may_repeat}) { diag "$what: " . (@delivered - @first) . ' of ' . @first . ' events came twice' }
    else { is(@delivered - @first, 0, "$what: none comes twice") }
    return;
}

1;
