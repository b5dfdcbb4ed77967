# The alerts of docker/prometheus: promtool tests each, and a Prometheus that scrapes a relay in trouble fires some. The alerts, and the dashboard of
# docker/grafana, use metrics that the relay has, and every alert has a section in the runbook.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP qw(decode_json);
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use Outbox::Status qw(address ask);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $rules = slurp("$project/docker/prometheus/outbox-rules.yml");
my @alerts = $rules =~ /^\s*- alert: (\w+)$/mg;

# ---- the files -----------------------------------------------------------------------------------------------------------

is(scalar @alerts, 10, 'ten alerts');
for my $command ([qw(check config prometheus.yml)], [qw(check rules outbox-rules.yml)], [qw(test rules outbox-rules-test.yml)]) {
    my $said = '';
    ok(IPC::Run::run([ 'promtool', @$command ], '>&', \$said, init => sub { chdir "$project/docker/prometheus" }), "promtool @$command[0, 1]") or diag $said;
}
my $tests = slurp("$project/docker/prometheus/outbox-rules-test.yml");
is_deeply([ grep { $tests !~ /alertname: $_\n\s+exp_alerts: \[\{/ } @alerts ], [], 'each alert has a test in which it comes,');
is_deeply([ grep { $tests !~ /alertname: $_\}/ } @alerts ], [], 'and one in which it does not');
my %section = map { ($_ => 1) } Outbox::Page->read("$project/docs/runbook.md")->anchors;
is_deeply([ grep { !$section{ lc $_ } } @alerts ], [], 'and its section in the runbook,');
is_deeply([ grep { $rules !~ m{runbook: docs/runbook\.md#\L$_\E\n} } @alerts ], [], 'which it names');

# The names of the metrics in the relay's source.
my %metric = map { ("outbox_relay_$_" => 1) } slurp("$project/relay/watch/metrics.cpp") =~ /"([a-z][a-z_]+)"/g;
my %asked;
for my $file (qw(docker/prometheus/outbox-rules.yml docker/grafana/outbox.json)) {
    $asked{$_} = $file for map { s/_(?:bucket|count|sum)$//r } slurp("$project/$file") =~ /\b(outbox_relay_\w+)/g;
}
is_deeply([ map { "$asked{$_}: $_" } grep { !$metric{$_} } sort keys %asked ], [], 'alerts and dashboard ask for metrics that there are');
my $dashboard = decode_json(slurp("$project/docker/grafana/outbox.json"));
is(scalar(grep { $_->{type} eq 'row' } @{ $dashboard->{panels} }), 4, 'the dashboard has four rows');
my @without = grep { $_->{type} ne 'row' && !@{ $_->{targets} // [] } } @{ $dashboard->{panels} };
is_deeply([ map { $_->{title} } @without ], [], 'and each of its panels asks for something');

# The services of docker compose --profile watch use these files and the address where the relay listens.
my ($compose, $scrapes) = map { slurp("$project/docker/$_") } qw(compose.yaml prometheus/prometheus.yml);
my ($port) = slurp("$project/docker/Dockerfile") =~ /^ENV OUTBOX_LISTEN=\S+:(\d+)$/m;
like($scrapes, qr/'relay:$port'/, 'Prometheus asks the relay of compose');
like($compose, qr{^  \w+:(?: #.*)?\n    profiles: \[watch\]\n    image: $_/\w+:}m, "compose has $_") for qw(prom grafana);
my @mounted = $compose =~ m{^      - \./((?:prometheus|grafana)\S*?):/}mg;
is_deeply([ grep { !-e "$project/docker/$_" } @mounted ], [], 'what they read is there');
my ($uid) = slurp("$project/docker/grafana/provisioning/datasources/prometheus.yaml") =~ /uid: (\w+)/;
my %source = map { (($_->{datasource}{uid} // '') => 1) } grep { ref $_->{datasource} } @{ $dashboard->{panels} };
ok(!grep({ $_ ne $uid && !/^\$\{/ } keys %source), 'and the dashboard asks the source that Grafana has') or diag join ' ', keys %source;

# ---- a Prometheus that scrapes -------------------------------------------------------------------------------------------

my $node = outbox_node('main');
create_slot($node);
my $nowhere = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $listen = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $relay = Outbox::Relay->new($node, kafka => $nowhere, args => [ '--listen', $listen, qw(--shutdown-grace-ms 100) ])->start;
$relay->wait_until_streaming($node);

# The rules as they are, except that minutes of waiting become a second.
my $folder = PostgreSQL::Test::Utils::tempdir();
PostgreSQL::Test::Utils::append_to_file("$folder/rules.yml", $rules =~ s/^(\s+for:) \d+m$/$1 1s/mgr =~ s/> 60$/> 3/mr);
PostgreSQL::Test::Utils::append_to_file("$folder/prometheus.yml", <<"END");
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs: [{job_name: outbox, static_configs: [{targets: ['$listen']}]}]
END
my $web = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $prometheus = Outbox::Process->spawn(name => 'prometheus', stdout => '/dev/null', stderr => "$folder/log",
    command => [ 'prometheus', "--config.file=$folder/prometheus.yml", "--storage.tsdb.path=$folder/data", "--web.listen-address=$web" ]);

# The alerts that fire now: name => summary.
sub firing {
    my $answer = HTTP::Tiny->new(timeout => 10)->get("http://$web/api/v1/alerts");
    return {} if !$answer->{success};
    return { map { ($_->{labels}{alertname} => $_->{annotations}{summary}) } grep { $_->{state} eq 'firing' } @{ decode_json($answer->{content})->{data}{alerts} } };
}

sub fires {
    my ($alert, $summary, $why) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $fires = eval { wait_until { firing()->{$alert} } $alert, 90 };
    like($fires // 'it does not', $summary, "$why: $alert") or diag slurp("$folder/log");
    return;
}

fires('OutboxStandbyMissing', qr/^One relay has the slot outbox/, 'a relay by itself');
is_deeply([ sort keys %{ firing() } ], ['OutboxStandbyMissing'], 'and nothing else fires');
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
fires('OutboxNotDelivering', qr/^Events wait in the slot outbox/, 'Kafka is away');
fires('OutboxLagHigh', qr/^Events of the slot outbox reach Kafka \d+\S* after their commit$/, 'for longer');

$node->safe_psql('postgres', q{ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'});
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE t(x int)');
$node->safe_psql('postgres', 'INSERT INTO t VALUES (1); SELECT pg_switch_wal();') for 1 .. 6;
$node->safe_psql('postgres', 'CHECKPOINT');
fires('OutboxSlotLost', qr/^The slot outbox is lost/, 'the slot is lost');
fires('OutboxNoRelay', qr/^Nobody reads the slot outbox/, 'which nobody reads');
$relay->signal('TERM');
is($relay->wait_for_exit(10), 3, 'the relay has ended');
fires('OutboxNoRelay', qr/^Nobody reads the slot/, 'no relay answers');
$prometheus->kill_nine;

done_testing();
