# The destination of events is named, never guessed. A blank, unknown or impossible value ends every command at its start, with exit code 2 and the
# option's name in one line. A relay that runs logs first what it reads and where it delivers.
use strict;
use warnings;

use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir('options');
my $nobody = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
my $id = '01a20c11-09d4-7b9d-95a5-66f7b2170e7a';
my @kafka = qw(--brokers kafka:9092);

# The call ends at once, with one line that matches the patterns.
sub refused {
    my ($name, $arguments, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = Outbox::Relay::call(@$arguments);
    my $fits = $code eq '2' && $out eq '' && $err =~ /\A[^\n]+\n\z/ && !grep { $err !~ $_ } @patterns;
    ok($fits, "$name: refused") or diag "exit code $code, it says: $err$out";
    return $err;
}

sub refused_with {
    my ($environment, $name, $arguments, @patterns) = @_;
    local %ENV = (%ENV, %$environment);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return refused($name, $arguments, @patterns);
}

# ---- where events go

refused('neither Kafka nor standard output', ['run'], qr/--brokers.*--stdout/);
refused('both', [ qw(run --stdout), @kafka ], qr/--brokers.*--stdout.*not both/);
refused_with({ OUTBOX_BROKERS => 'kafka:9092' }, 'both, one by its variable', [qw(run --stdout)], qr/OUTBOX_BROKERS/);
refused_with({ OUTBOX_STDOUT => 'false' }, 'standard output, declined', ['run'], qr/--brokers.*--stdout/);
refused('skip without Kafka', [ 'skip', '--id', $id ], qr/--brokers/);
refused('skip to standard output', [ 'skip', '--id', $id, '--stdout' ], qr/--stdout/);
refused('exactly once to standard output', [qw(run --stdout --delivery exactly-once)], qr/--delivery exactly-once needs --brokers/);

# ---- blank and unknown variables

my %variables;
for my $command (qw(run setup skip)) {
    my ($code, $help) = Outbox::Relay::call('help', $command);
    is($code, 0, "help $command");
    my @named = $help =~ /\((OUTBOX_\w+)\)/g;
    cmp_ok(scalar @named, '>=', 10, 'names its variables');
    @variables{@named} = ();
}
for my $variable (sort keys %variables) {
    refused_with({ $variable => '' }, "$variable without a value", [ 'run', @kafka ], qr/\b$variable\b.*blank/);
    refused_with({ $variable => " \t" }, "$variable of blanks", [qw(setup)], qr/\b$variable\b.*blank/);
}
refused_with({ OUTBOX_BROKERS => "\n" }, 'a line end as brokers', ['run'], qr/OUTBOX_BROKERS/);
refused_with({ OUTBOX_SLOT => '' }, 'a blank variable beside its flag', [ 'skip', '--id', $id, @kafka, qw(--slot s) ], qr/OUTBOX_SLOT/);

refused_with({ OUTBOX_BROKER => 'kafka:9092' }, 'an unknown variable', [qw(run --stdout)], qr/OUTBOX_BROKER\b.*OUTBOX_BROKERS\b/);
refused_with({ OUTBOX_DRYRUN => 'true' }, 'an unknown variable', ['setup'], qr/OUTBOX_DRYRUN\b.*OUTBOX_DRY_RUN\b/);
{
    local %ENV = (%ENV, OUTBOX_SERVICE_HOST => '10.0.0.1', OUTBOX_PORT => 'tcp://10.0.0.1:80', OUTBOX_PORT_80_TCP_ADDR => '10.0.0.1');
    refused("variables that Kubernetes sets are none of the relay's", [qw(run --slot X)], qr/--slot/);
}
{
    local %ENV = (%ENV, OUTBOX_BROKERS => '', OUTBOX_NONE => 'x');
    my ($code) = Outbox::Relay::call('version');
    is($code, 0, 'version does not care');
}

# ---- values

refused_with({ OUTBOX_TAKEOVER => 'perhaps' }, 'a flag that is neither', [qw(run --stdout)], qr/OUTBOX_TAKEOVER.*true or false/);
refused_with({ OUTBOX_LOG_LEVEL => 'loud' }, 'a bad variable', [qw(run --stdout)], qr/OUTBOX_LOG_LEVEL.*debug/);
refused('a flag with nothing after it', [qw(run --stdout --takeover=)], qr/--takeover.*value/);
for my $flag (qw(--slot --dsn --topics --brokers --property --property-file --delivery --state-topic --listen --format --log-level)) {
    refused("$flag with a blank value", [ 'run', $flag, $_ ], qr/\Q$flag\E.*value/) for '', ' ';
}
refused("brokers that can be none: $_", [ 'run', "--brokers=$_" ], qr/--brokers: expected host:port/)
    for ',', 'a:1,', 'a:1, b:1', 'a b', 'a:0', 'a:b', 'http://a:1', 'a/b', '::1:9092', '9092';
refused("a connection string that can be none: $_", [ qw(run --stdout), "--dsn=$_" ], qr/--dsn|connection to PostgreSQL/)
    for 'localhost:5432', 'jdbc:postgresql://db/app', 'host=http://db', 'port=99999', 'host=a,b port=1,2,3', 'sslmode=requre', 'service=none_such', 'connect_timeout=x';
refused('the same for setup', [qw(setup --dsn sslmode=requre)], qr/sslmode/);
my $words = refused('a password that is not encoded', [ qw(run --stdout --dsn), 'postgresql://u:sec@ret@db/app' ], qr/percent-encoded/);
unlike($words, qr/ret/, 'and not repeated');
refused('a place to listen that can be none', [qw(run --stdout --listen), 'a b:80'], qr/--listen/);

refused('one topic for the position and for dead letters', [ 'run', @kafka, qw(--dead-letter-topic outbox.state) ], qr/--state-topic.*--dead-letter-topic/);
refused('two that Kafka does not tell apart', [ 'run', @kafka, qw(--dead-letter-topic outbox_state) ], qr/--state-topic.*--dead-letter-topic/);
refused("$_ of Kafka's own", [ 'run', @kafka, $_, '__x' ], qr/$_.*__/) for qw(--state-topic --dead-letter-topic --topics);
refused('events of the state topic', [ 'run', @kafka, '--topics', 'orders,outbox.state' ], qr/--topics.*outbox\.state/);

refused('events that become those of the state topic', [ 'run', @kafka, '--topics', 'state', '--topic-template', 'outbox.{topic}' ], qr/--topics.*outbox\.state/);
refused("a template that is none: $_", [ 'run', @kafka, '--topic-template', $_ ], qr/--topic-template.*\{topic\}/)
    for 'orders', '__{topic}', 'a/{topic}', '{topic}{topic}';
refused('a prefix that is none', [ 'run', @kafka, qw(--topic-prefix __) ], qr/--topic-prefix/);
refused('a prefix and a template', [ 'run', @kafka, qw(--topic-prefix a. --topic-template a.{topic}) ], qr/--topic-prefix.*--topic-template.*not both/);
refused('another style', [ 'run', @kafka, qw(--header-style cloudevent) ], qr/--header-style.*cloudevents/);
refused('CloudEvents from nowhere', [ 'run', @kafka, qw(--header-style cloudevents) ], qr/cloudevents needs --ce-source/);
refused('CloudEvents from no URI', [ 'run', @kafka, qw(--header-style cloudevents), '--ce-source', 'the shop' ], qr/--ce-source.*URI/);
refused('another form of keys', [ 'run', @kafka, qw(--key-style avro) ], qr/--key-style.*json/);

refused('a property without a value', [ 'run', @kafka, qw(-X sasl.password=) ], qr/sasl\.password.*blank/);
refused('brokers by another way', [ 'run', @kafka, qw(-X bootstrap.servers=x:1) ], qr/bootstrap\.servers.*--brokers/);
refused('a property file that is a folder', [ 'run', @kafka, '--property-file', $folder ], qr/cannot read/);
append_to_file("$folder/properties", "# comment\n\nlinger.ms=5\nsasl.password=\n");
refused('a blank value in the property file', [ 'run', @kafka, '--property-file', "$folder/properties" ], qr/sasl\.password.*blank/);
refused_with({ OUTBOX_PROPERTY => "linger.ms=5\n\nbatch.size=many\n" }, 'properties by their variable, a line each', [ 'run', @kafka ], qr/batch\.size/);

# ---- what runs says so first

sub first_line {
    my (@arguments) = @_;
    my $log = "$folder/log" . rand;
    my $process = Outbox::Process->spawn(command => [ $ENV{OUTBOX_RELAY}, @arguments ], name => "@arguments", stdout => '/dev/null', stderr => $log);
    wait_until { slurp($log) =~ /\n/ } 'it says something';
    $process->kill_nine;
    return (split /\n/, slurp($log))[0];
}

my @dsn = ('--dsn', "postgresql://me:secret\@$nobody/app");
my $line = first_line('run', @dsn, '--brokers', "$nobody,[::1]:1", qw(--delivery exactly-once --slot s));
like($line, qr/outbox-relay \d\S* \(librdkafka \d\S+, libpq \d\S+\)/, 'the first line: what runs,');
like($line, qr/from slot "s" of database "app" at \Q$nobody\E as "me" to Kafka at \Q$nobody,[::1]:1\E, exactly once/, 'what is read, where it goes, and how');
unlike($line, qr/secret/, 'but no password');
like(first_line(qw(run --stdout), @dsn), qr/ to standard output, at least once/, 'also to standard output');
delete local $ENV{PGDATABASE};
like(first_line(qw(skip --id), $id, '--brokers', $nobody, '--dsn', "host=127.0.0.1 port=1 user=me"),
    qr/database "me" \(the user's name, because no database is named\) .* to Kafka/, 'and that no database is named');

# ---- help

my ($code, $help) = Outbox::Relay::call('help');
is($code, 0, 'help is no error');
like($help, qr/^\s+$_ /m, "it names $_") for qw(run setup skip health version help);
refused('an unknown command', ['fly'], qr/fly.*run/);
refused("words behind a command: @$_", $_, qr/^outbox-relay: (?:run|show) takes options only/) for [qw(run word -- more)], [qw(config show -- more)];

# ---- the page

my ($table) = slurp('docs/relay.md') =~ /^<!-- options -->\n(.*?)^<!-- \/options -->$/ms;
my (undef, $rows) = Outbox::Relay::call(qw(help --markdown));
is($table, $rows, 'docs/relay.md has the table that the settings make: make relay-page writes it');

# Where one command alone takes an option, its row says which.
my @commands = (qw(run skip setup doctor health status dead-letters drain tail version), 'config show');
my %takers;
for my $command (@commands) {
    my (undef, $help) = Outbox::Relay::call(split(' ', $command), '--help');
    push @{ $takers{$_} }, $command for grep { $_ ne 'help' } $help =~ /^\s+(?:-X,)?--([a-z-]+)/mg;
}
my @unnamed = grep { @{ $takers{$_} } == 1 && $rows !~ /`--\Q$_\E` \(\Q$takers{$_}[0]\E\)/ } sort keys %takers;
is("@unnamed", '', 'an option of one command alone names the command');

done_testing();
