# PostgreSQL over TLS: with right certificates and passwords the relay delivers. With wrong ones it delivers nothing, logs why, waits, and goes on by
# itself once they are right. No output has a password.
use strict;
use warnings;

use Outbox::Node;
use Outbox::Process qw(slurp wait_until);
use Outbox::Relay;
use Outbox::Tls;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'this server was built without TLS' if !Outbox::Node::has_tls();
delete $ENV{TLS};    # this test has its own certificates
my ($ours, $others) = map { Outbox::Tls->new($_) } qw(ours others);
my %server = (
    right => $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1'),
    expired => $ours->certificate('127.0.0.1', host => 'IP:127.0.0.1', expired => 1),
    elsewhere => $ours->certificate('elsewhere', host => 'DNS:elsewhere.example'),
);
my $client = $ours->certificate('certified');
my $others_client = $others->certificate('certified');
my $secret = 'canary-' . int(rand 1e9);
my $folder = PostgreSQL::Test::Utils::tempdir('passwords');
my %password_file = (right => "$folder/right", wrong => "$folder/wrong", none => "$folder/none");
PostgreSQL::Test::Utils::append_to_file($password_file{right}, "*:*:*:*:$secret\n");
PostgreSQL::Test::Utils::append_to_file($password_file{wrong}, "*:*:*:*:$secret-wrong\n");
PostgreSQL::Test::Utils::append_to_file($password_file{none}, '');
chmod 0600, values %password_file;

my $node = outbox_node('main', conf => $ours->server_settings($server{right}));
$node->safe_psql('postgres', "SET password_encryption = 'scram-sha-256'; ALTER ROLE relay PASSWORD '$secret'; CREATE ROLE certified LOGIN REPLICATION");
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', <<'END');
local   all      all        trust
hostssl postgres relay      127.0.0.1/32 scram-sha-256
hostssl postgres certified  127.0.0.1/32 cert
host    postgres any        127.0.0.1/32 scram-sha-256
END
$node->reload;
create_slot($node, $_) for qw(outbox outbox_first outbox_second);

my $where = 'port=' . $node->port . ' dbname=postgres host=127.0.0.1';
my $verified = "$where sslmode=verify-full sslrootcert=" . $ours->ca;
my $certified = "$verified sslcert=$client->{cert} sslkey=$client->{key}";
my @relays;

# relay(name, dsn, user, password file, slot)
sub relay {
    my ($name, $dsn, $user, $passwords, $slot) = @_;
    push @relays, my $relay = Outbox::Relay->new($node, name => $name, dsn => $dsn, user => $user, args => [ '--slot', $slot // 'outbox', '--listen', '127.0.0.1:0' ],
        env => { PGPASSFILE => $password_file{ $passwords // 'none' }, PGHOST => undef });
    return $relay;
}

sub delivers {
    my ($relay, $case, $slot) = @_;
    my $before = $relay->output;
    my $id = $node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '1')});
    ok(wait_for_confirmation($node, $slot), "$case: delivers");
    is(scalar(grep { /$id/ } $relay->output), 1, 'the event, once');
    return;
}

# ---- right

my $by_password = relay('password', "$verified channel_binding=require", 'relay', 'right', 'outbox_first')->start;
my $by_certificate = relay('certificate', $certified, 'certified', 'none', 'outbox_second')->start;
delivers($by_password, 'verify-full with SCRAM and channel binding', 'outbox_first');
delivers($by_certificate, 'a client certificate', 'outbox_second');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE ssl'), 2, 'both over TLS');
unlike(slurp('/proc/' . $by_password->pid . '/cmdline'), qr/canary/, 'the password is in no process list');
is($_->terminate, 0, 'it ends') for $by_password, $by_certificate;

# ---- wrong: relays run at the same time, each with one fault

chmod 0644, my $open_key = $others->certificate('certified')->{key};
my @wrong = (
    [ 'the authority of another', "$where sslmode=verify-full sslrootcert=" . $others->ca, 'relay', 'right', qr/certificate verify failed/ ],
    [ 'the name of another host', "port=" . $node->port . " dbname=postgres hostaddr=127.0.0.1 host=db.example sslmode=verify-full sslrootcert=" . $ours->ca, 'relay', 'right', qr/does not match host name "db\.example"/ ],
    [ 'a wrong password', $verified, 'relay', 'wrong', qr/password authentication failed for user "relay"/ ],
    [ 'no password', $verified, 'relay', 'none', qr/no password supplied/ ],
    [ 'no TLS', "$where sslmode=disable", 'relay', 'right', qr/no pg_hba\.conf entry.*no encryption/ ],
    [ 'channel binding without TLS', "$where sslmode=disable channel_binding=require", 'relay', 'right', qr/no pg_hba\.conf entry|channel binding/ ],
    [ 'no client certificate', $verified, 'certified', 'none', qr/requires a valid client certificate/ ],
    [ q{another authority's client certificate}, "$verified sslcert=$others_client->{cert} sslkey=$others_client->{key}", 'certified', 'none', qr/unknown ca|requires a valid client certificate/ ],
    [ 'a client certificate for another role', "$certified", 'relay_of_another', 'none', qr/certificate authentication failed|no pg_hba\.conf entry|does not exist/ ],
    [ 'a key that everybody may read', "$verified sslcert=$client->{cert} sslkey=$open_key", 'certified', 'none', qr/has group or world access/ ],
    [ 'an authority that is not there', "$where sslmode=verify-full sslrootcert=/no/such.pem", 'relay', 'right', qr{root certificate file "/no/such\.pem" does not exist} ],
);
my $number = 0;
$_->[5] = relay('wrong_' . ++$number, @$_[ 1 .. 3 ])->start for @wrong;
$node->safe_psql('postgres', q{SELECT outbox.emit('orders', 'k', '2')});
for my $case (@wrong) {
    my ($name, $sentence, $relay) = @$case[ 0, 4, 5 ];
    $relay->wait_for_log($sentence);
    ok($relay->alive, "$name: it says why and waits");
    is($relay->count_log($sentence), 1, 'says so once');
    is($relay->output, 0, 'and delivers nothing');
}
$_->[5]->kill_nine for @wrong;

# ---- a certificate that expires, and is renewed

sub present {
    my ($which) = @_;
    $node->append_conf('postgresql.conf', "ssl_cert_file = '$server{$which}{cert}'\nssl_key_file = '$server{$which}{key}'\n");
    $node->reload;
}
my $patient = relay('patient', $verified, 'relay', 'right');
present('expired');
$patient->start;
$patient->wait_for_log(qr/certificate has expired|certificate verify failed/);
present('elsewhere');
$patient->wait_for_log(qr/elsewhere\.example".* does not match host name/);
ok($patient->alive, 'with an expired certificate and with that of another host the relay waits');
present('right');
delivers($patient, 'with the right one it goes on by itself', 'outbox');
is($patient->terminate, 0, 'and ends');

# ---- setup

my ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', "$where sslmode=verify-full user=relay sslrootcert=" . $others->ca);
is($code, 1, 'setup ends where the server cannot be trusted');
like($err, qr/cannot connect to PostgreSQL.*certificate verify failed/, 'and says why');

for my $case ([ any => "$where sslmode=prefer password=$secret-wrong", qr/password authentication failed/ ],
    [ none => "$where sslmode=prefer", qr/no pg_hba\.conf entry/ ],
    [ any => $where, qr/no password supplied; put it into a file of mode 0600 that PGPASSFILE names/ ],
    [ stranger => 'port=' . $node->port . ' dbname=postgres host=' . $node->host, qr/role "stranger" does not exist; as the server's administrator: sudo -u postgres/ ],
    [ any => 'port=1 dbname=postgres host=/tmp', qr/No such file or directory.*; name the server in --dsn/ ]) {
    my ($user, $dsn, $sentence) = @$case;
    ($code, $out, $err) = Outbox::Relay::call('setup', '--dsn', "$dsn user=$user");
    is($code, 1, "setup as $user: cannot connect");
    like($err, $sentence, 'and says what to do');
    my ($said) = $err =~ /(FATAL:  password[^"]*|no password supplied)/;
    is(() = $err =~ /\Q$said\E/g, 1, 'once') if defined $said;
    unlike($err, qr/canary/, 'without the password');
}

unlike($_->whole_log, qr/canary/, 'no password in a log') for @relays;
done_testing();
