# A PostgreSQL server prepared for outbox: the extension, a relay role with the least privileges, a slot.
# Keeps to what PostgreSQL::Test::Cluster offers from version 15 to 18.
package Outbox::Node;

use strict;
use warnings;

use Exporter qw(import);
use Outbox::Process qw(wait_until slurp);
use Outbox::Tls;
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(outbox_node create_slot slot crash current_lsn wait_for_confirmation);
our @EXPORT_OK = qw(postmaster children);

# What `make check` of the server's own tests would set.
$ENV{PG_REGRESS} //= do {
    chomp(my $pgxs = `pg_config --pgxs`);
    $pgxs =~ s{makefiles/pgxs\.mk$}{test/regress/pg_regress}r;
};

my $settings = <<'END';
max_connections = 40
max_prepared_transactions = 20
shared_buffers = 64MB
max_wal_size = 2GB
log_statement = none
END

# outbox_node(name, conf => text, plugins => other output plugins): running, with the extension and the role `relay`; the slot is the test's business.
sub outbox_node {
    my ($name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(allows_streaming => 'logical', extra => [qw(--encoding=UTF8 --locale=C)]);
    $node->append_conf('postgresql.conf', $settings . ($options{conf} // ''));
    $node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding, outbox" . ($options{plugins} ? ", $options{plugins}" : '') . "'")
        if has_plugin_list() && !$options{refuse_plugin};
    my $tls = Outbox::Tls::everywhere();
    $node->append_conf('postgresql.conf', $tls->server_settings) if $tls;
    $node->start;
    $node->safe_psql('postgres', 'CREATE ROLE relay LOGIN REPLICATION');
    $node->safe_psql('postgres', 'CREATE EXTENSION outbox') if !$options{bare};
    return $node;
}

# Minor releases before August 2026 do not know the setting and would not start with it.
sub has_plugin_list {
    return `postgres --describe-config` =~ /^output_plugin_libraries\t/m;
}

sub create_slot {
    my ($node, $name, $plugin) = @_;
    $name //= 'outbox';
    $plugin //= 'outbox';
    $node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$name', '$plugin')");
    return;
}

# One value of pg_replication_slots, as text.
sub slot {
    my ($node, $expression, $name) = @_;
    $name //= 'outbox';
    return $node->safe_psql('postgres', "SELECT $expression FROM pg_replication_slots WHERE slot_name = '$name'");
}

sub current_lsn { return $_[0]->safe_psql('postgres', 'SELECT pg_current_wal_lsn()') }

# Until the relay has confirmed everything that is committed now.
sub wait_for_confirmation {
    my ($node, $name, $lsn) = @_;
    $name //= 'outbox';
    $lsn //= current_lsn($node);
    return $node->poll_query_until('postgres',
        "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'");
}

# kill -9 of the postmaster and all its children at one moment, as when the machine's power goes but the page cache stays.
sub crash {
    my ($node) = @_;
    my $lock_file = _lock_file($node);
    my $postmaster = postmaster($node);
    kill 'STOP', $postmaster;    # no child is born meanwhile
    my @children = children($postmaster);
    $node->kill9;
    kill 'KILL', @children;
    wait_until { !grep { _lives($_) } $postmaster, @children } 'server processes do not die';
    # The next postmaster would take a dead one that nobody has waited for yet for a running one.
    unlink $lock_file, $node->host . '/.s.PGSQL.' . $node->port . '.lock';
    return;
}

sub _lock_file { return $_[0]->data_dir . '/postmaster.pid' }

# Its process ID.
sub postmaster { return (split /\n/, slurp(_lock_file($_[0])))[0] }

# The process IDs of a process's children.
sub children {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/task/$pid/children" or return;
    return split ' ', <$file> // '';
}

sub _lives {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/stat" or return 0;
    return <$file> !~ /\) [ZX] /;
}

1;
