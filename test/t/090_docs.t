# Every command of README.md, CONTRIBUTING.md and docs/ runs as it is printed: the test reads the command out of the page and gives it to a shell or
# to psql, in the page's order. Outbox::Page has the marks by which a page says that a block does not run, or ends otherwise.
#
# Pages have names where a reader types names of his own, so the test replaces these (%own). Small scripts stand for a reader's tools: sudo and
# systemctl, because there is no other user and no systemd here, and Kafka's tools, which are Java classes.
use strict;
use warnings;

BEGIN { delete $ENV{TLS} }    # the pages' connections are plain

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Outbox::File qw(write_file);
use Outbox::Kafka;
use Outbox::Node;
use Outbox::Page;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'this server was built without TLS' if !Outbox::Node::has_tls();

my $project = abs_path(dirname(__FILE__) . '/../..');
my $folder = PostgreSQL::Test::Utils::tempdir('pages');
my ($node, $kafka, $topics_made);
$topics_made = '';

# Before each page the test creates databases, roles and a table; and the extension, the slot, the relay's role and the topic, except those that the
# page itself creates, which are listed here.
my %makes = (
    'README.md' => [qw(role topic)], 'docs/install.md' => [qw(extension slot role topic)], 'docs/exactly-once.md' => [qw(slot)], 'docs/hosted.md' => [qw(extension slot)],
);
my @pages = map { substr $_, length "$project/" } "$project/README.md", "$project/CONTRIBUTING.md", sort glob "$project/docs/*.md";
@pages = ((grep { $_ ne 'docs/kafka-access.md' } @pages), 'docs/kafka-access.md');    # whose rules hold for the pages after it

# ---- the reader's machine -----------------------------------------------------------------------------------------------

my %own;

sub prepare {
    mkdir "$folder/$_" for qw(bin etc);
    my $tls = Outbox::Tls->new;
    my $certificate = $tls->certificate('relay');
    rename $_->[0], "$folder/etc/$_->[1]" for [ $tls->ca, 'ca.pem' ], [ $certificate->{cert}, 'relay.pem' ], [ $certificate->{key}, 'relay.key' ];
    # The server has TLS only so that pg_hba.conf may have lines with hostssl.
    $node = outbox_node('main', bare => 1, conf => "fsync = off\nssl = on\nssl_cert_file = '$folder/etc/relay.pem'\nssl_key_file = '$folder/etc/relay.key'\nssl_ca_file = '$folder/etc/ca.pem'\n");
    $kafka = Outbox::Kafka->new(acls => 1)->start;
    my $listen = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
    %own = (
        'kafka:9092' => $kafka->brokers,
        'host=db.example.com' => 'host=' . $node->host . ' port=' . $node->port,
        '127.0.0.1:9464' => $listen,
        '/etc/outbox/' => "$folder/etc/",
        '--replication-factor 3' => '--replication-factor 1',
    );
    symlink $ENV{OUTBOX_RELAY}, "$folder/bin/outbox-relay";
    script('sudo', 'if [ "$1" = -u ]; then shift 2; fi; exec "$@"');
    script('systemctl', "case \"\$1 \$2\" in\n    'restart postgresql') exec pg_ctl -w -D '" . $node->data_dir . "' -l '" . $node->logfile . "' restart >'$folder/restart' ;;\n"
        . "    'disable --now') kill -TERM \$(cat '$folder/stays'); while [ -n \"\$(psql -XAtc 'SELECT 1 FROM pg_stat_replication')\" ]; do sleep 0.1; done ;;\n"
        . "    *) echo \"systemctl \$*: what is that?\" >&2; exit 1 ;;\nesac");
    my %class = ('kafka-topics.sh' => 'TopicCommand', 'kafka-acls.sh' => 'AclCommand', 'kafka-console-consumer.sh' => 'consumer.ConsoleConsumer');
    script($_, join ' ', 'exec', (map { s/'/'\\''/gr =~ s/^|$/'/gr } $kafka->_java_command("org.apache.kafka.tools.$class{$_}")), '"$@"') for keys %class;
    return;
}

sub script {
    my ($name, $text) = @_;
    write_file("$folder/bin/$name", "#!/bin/bash\n$text\n");
    chmod 0755, "$folder/bin/$name";
    return;
}

sub begin_page {
    my ($name) = @_;
    my %ready = map { ($_ => 1) } qw(extension slot role topic);
    delete @ready{ @{ $makes{$name} // [] } };
    $node->safe_psql('postgres', 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
    $node->safe_psql('postgres', "DROP DATABASE IF EXISTS $_") for qw(app shop copy);
    $node->safe_psql('postgres', "DROP ROLE IF EXISTS $_") for qw(app outbox_relay);
    $kafka->delete_topic($_) for split ' ', $topics_made;
    $topics_made = '';
    $node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
    $node->safe_psql('postgres', "CREATE DATABASE $_") for qw(app shop);
    $node->safe_psql('app', 'CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text); GRANT ALL ON orders TO app');
    $node->safe_psql('app', 'CREATE EXTENSION outbox; GRANT USAGE ON SCHEMA outbox TO app; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox TO app') if $ready{extension};
    $node->safe_psql('app', q{SELECT pg_create_logical_replication_slot('outbox', 'outbox')}) if $ready{slot};
    $node->safe_psql('app', 'CREATE ROLE outbox_relay LOGIN REPLICATION') if $ready{role};
    $kafka->create_topic('orders') if $ready{topic};
    $kafka->produce('orders', 'key', 'value') if $name eq 'docs/consumers.md';
    $topics_made = 'orders';
    return;
}

# ---- blocks -------------------------------------------------------------------------------------------------------------

my (@stay, $output);

# Runs a text and returns its exit code. Its output is in $output.
sub run {
    my ($language, $text, $role) = @_;
    my $file = write_file("$folder/block", $text);
    my @command = $language eq 'sql' ? (qw(psql -X -v ON_ERROR_STOP=1 -d app), ($role ? ('-U', $role) : ()), '-f', $file) : ('bash', '-eu', '-o', 'pipefail', $file);
    unlink "$folder/output";
    my $process = Outbox::Process->spawn(name => 'block', command => \@command, env => environment(), stdout => "$folder/output", stderr => "$folder/output");
    my $status = eval { $process->wait_for_exit(60) } // 'none, it does not end';
    $process->kill_nine if $status =~ /^none/;
    $output = slurp("$folder/output");
    return $status;
}

sub environment {
    return { PATH => "$folder/bin:$ENV{PATH}", HOME => $folder, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres' };
}

sub start {
    my ($text, $until) = @_;
    my $file = write_file("$folder/stays." . @stay, "exec $text");
    my $said = write_file("$file.output", '');
    my $process = Outbox::Process->spawn(name => 'what stays', command => [ 'bash', $file ], env => environment(), stdout => $said, stderr => $said);
    push @stay, $process;
    write_file("$folder/stays", join ' ', map { $_->pid } grep { $_->alive } @stay);
    my $is_there = eval { wait_until { slurp($said) =~ /\Q$until\E/ || !$process->alive } 'it says so', 30; slurp($said) =~ /\Q$until\E/ };
    $output = slurp($said);
    return $is_there;
}

sub end_what_stays {
    $_->signal('TERM') for @stay;
    my @codes = map { $_->wait_for_exit } @stay;
    @stay = ();
    $node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM pg_replication_slots WHERE active)');
    return grep { $_ ne '0' } @codes;
}

# Bash, or the server's parser, checks the syntax; the server executes nothing after RETURN.
sub is_well_formed {
    my ($block) = @_;
    return run('sql', "DO \$page\$ BEGIN RETURN; $block->{text} END \$page\$;") eq '0' if $block->{language} eq 'sql';
    my $file = write_file("$folder/parsed", $block->{text});
    return system("bash -n '$file' 2>'$folder/output'") == 0;
}

# Whether the output has the line that the page shows, with any number in place of a number, and any text in place of "…".
sub is_shown {
    my ($line) = @_;
    my $pattern = join '.*', map { join '[0-9]+', map { quotemeta } split /[0-9]+/, $_, -1 } split /\xe2\x80\xa6/, $line, -1;
    return $output =~ /^.*$pattern.*$/m;
}

sub events { return $node->safe_psql('app', q[SELECT count(*) FROM pg_logical_slot_peek_changes('outbox', NULL, NULL) WHERE data LIKE '{"topic"%']) }

# Lines for the relay or the server, which must accept them.
sub check_lines {
    my ($name, $as, $text) = @_;
    if ($as eq 'pg_hba.conf') {
        my $hba = $node->data_dir . '/pg_hba.conf';
        my $before = slurp($hba);
        write_file($hba, $before . $text);
        my $errors = $node->safe_psql('postgres', 'SELECT count(*), count(error) FROM pg_hba_file_rules WHERE type = \'hostssl\'');
        write_file($hba, $before);
        return is($errors, ($text =~ tr/\n//) . '|0', "$name: the server reads these lines");
    }
    for my $argument ($as eq '--dsn' ? split /\n/, $text : write_file("$folder/properties", $text)) {
        my @target = $as eq '--dsn' ? '--stdout' : ('--dsn', 'dbname=app', '--brokers', '127.0.0.1:1');
        my $process = Outbox::Process->spawn(
            name => 'relay', command => [ $ENV{OUTBOX_RELAY}, 'run', $as, $argument, @target ], env => environment(), stdout => '/dev/null', stderr => write_file("$folder/output", ''));
        eval { wait_until { !$process->alive || slurp("$folder/output") =~ / info +outbox-relay / } 'it begins' };
        like(slurp("$folder/output"), qr/ info +outbox-relay /, "$name: the relay begins with $as") or diag slurp("$folder/output");
        $process->kill_nine;
    }
    return;
}

sub check_block {
    my ($name, $block) = @_;
    my $mark = $block->{mark};
    my $text = $block->{text};
    $text =~ s/\Q$_\E/$own{$_}/g for keys %own;
    if ($text =~ /pgtap|SELECT plan/ && !Outbox::Node::has_extension($node, 'pgtap')) {
      SKIP: { skip 'this server has no pgTAP', 1 }
        return;
    }
    if ($mark eq 'shows') {
        my @missing = grep { !is_shown($_) } split /\n/, $text;
        return is_deeply(\@missing, [], "$name: what is shown is what is said") || diag $output;
    }
    return check_lines($name, $1, $text) if $mark =~ /^checked as (.*)$/;
    return if $block->{language} !~ /^(?:sh|sql)$/;
    return ok(is_well_formed($block), "$name: is well-formed; $mark") || diag slurp("$folder/output") if $mark =~ /^not run/;
    return ok(start($text, $1), "$name: stays, and says \"$1\"") || diag $output if $mark =~ /^run: stays until "(.*)"$/;
    end_what_stays() if $mark =~ /while no relay/;
    my ($role) = $mark =~ /^run: as (\w+)$/;
    my ($expected) = $mark =~ /^run: exits (\d+)/;
    my $before = $mark eq 'run: writes no event' ? events() : undef;
    my $status = run($block->{language}, $text, $role);
    is($status, $expected // 0, "$name: runs") or diag $output;
    is(events(), $before, "$name: and writes no event") if defined $before;
    return;
}

prepare();
for my $name (@pages) {
    my $page = Outbox::Page->read("$project/$name");
    my @blocks = grep { $_->{language} =~ /^(?:sh|sql)$/ || $_->{mark} } $page->blocks;
    next if !@blocks;
    begin_page($name);
    check_block("$name, line $_->{line}", $_) for @blocks;
    is_deeply([ end_what_stays() ], [], "$name: what stayed ends in good order");
}

done_testing();
