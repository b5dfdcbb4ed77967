# A PostgreSQL server prepared for outbox: the extension or the hosted form, a relay role with the least privileges, a slot.
# Keeps to what PostgreSQL::Test::Cluster offers from version 15 to 18.
package Outbox::Node;

use strict;
use warnings;

use Exporter qw(import);
use Outbox::Form;
use Outbox::Process qw(wait_until slurp);
use Outbox::Tls;
use PostgreSQL::Test::Cluster;
use Test::More;

my $reason = Outbox::Form::reason_to_skip();
plan skip_all => $reason if defined $reason;

our @EXPORT = qw(outbox_node create_slot drop_slot slot emitted crash current_lsn wait_for_confirmation);
our @EXPORT_OK = qw(postmaster children settings_of_standby);

# Variables that the server's own `make check` sets.
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

# outbox_node(name, conf => text, plugins => other output plugins): a running server with emit and the role `relay`, without a slot. With the hosted
# form the server refuses the plugin outbox, as hosted servers do, unless `plugins` names it. install_path: of another server's programs than those in
# PATH; port; init => more arguments for initdb; empty => 1: the server has its settings only, and does not run.
sub outbox_node {
    my ($name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, map { defined $options{$_} ? ($_ => $options{$_}) : () } qw(install_path port));
    $node->init(allows_streaming => 'logical', extra => [ qw(--encoding=UTF8 --locale=C), split(' ', $ENV{TEST_INITDB} // ''), @{ $options{init} // [] } ]);
    my ($conf, $change) = Outbox::Form::is_hosted() ? Outbox::Form::settings($options{conf} // '') : ($options{conf} // '');
    $node->append_conf('postgresql.conf', $settings . $conf);
    my @plugins = (qw(pgoutput test_decoding), Outbox::Form::is_hosted() ? () : 'outbox', grep { Outbox::Form::is_hosted() || $_ ne 'outbox' } $options{plugins} // ());
    $node->append_conf('postgresql.conf', q{output_plugin_libraries = '} . join(', ', @plugins) . q{'}) if has_plugin_list($node) && !$options{refuse_plugin};
    my $tls = Outbox::Tls::everywhere();
    $node->append_conf('postgresql.conf', $tls->server_settings) if $tls;
    return $node if $options{empty};
    $node->start;
    $node->safe_psql('postgres', 'CREATE ROLE relay LOGIN REPLICATION');
    Outbox::Form::install($node, 'postgres') if !$options{bare};
    $node->safe_psql('postgres', $change) if $change && !$options{bare};
    return $node;
}

# Lines for postgresql.conf of a standby on which the server keeps the failover slots of its primary (PostgreSQL 17 and later): how to connect,
# with a dbname, and the physical slot.
sub settings_of_standby {
    my ($conninfo, $slot) = @_;
    return <<"END";
primary_conninfo = '$conninfo'
primary_slot_name = '$slot'
hot_standby_feedback = on
sync_replication_slots = on
wal_receiver_status_interval = 1
END
}

# A server may have been built without TLS, and may lack contrib's modules, as those out of a Python wheel do.
sub has_tls { return `pg_config --configure` =~ /--with-(?:openssl|ssl)/ }
sub has_module { my ($name) = @_; chomp(my $folder = `pg_config --pkglibdir`); return -e "$folder/$name.so" }
sub has_extension { my ($node, $name) = @_; return $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = '$name'") }

# Minor releases before August 2026 do not know the setting and would not start with it.
sub has_plugin_list {
    my ($node) = @_;
    my $postgres = $node ? $node->installed_command('postgres') : 'postgres';
    return `$postgres --describe-config` =~ /^output_plugin_libraries\t/m;
}

# Creates a slot of the form's plugin, which emit then demands, or of another plugin.
sub create_slot {
    my ($node, $name, $plugin) = @_;
    $name //= 'outbox';
    $node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$name', '" . ($plugin // Outbox::Form::plugin()) . "')");
    Outbox::Form::demand($node, 'postgres', $name) if !defined $plugin;
    return;
}

# Drops the slot, and emit demands it no more.
sub drop_slot {
    my ($node, $name) = @_;
    # A relay that has ended may have a walsender for a moment longer.
    $node->poll_query_until('postgres', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$name'");
    $node->safe_psql('postgres', "SELECT pg_drop_replication_slot('$name')");
    Outbox::Form::demand_no_more($node, 'postgres', $name);
    return;
}

# One value of pg_replication_slots, as text.
sub slot {
    my ($node, $expression, $name) = @_;
    $name //= 'outbox';
    return $node->safe_psql('postgres', "SELECT $expression FROM pg_replication_slots WHERE slot_name = '$name'");
}

# The envelopes in a slot, as text: `get` consumes them, `peek` does not.
sub emitted {
    my ($node, $name, $how, $database) = @_;
    my $plugin = $node->safe_psql('postgres', "SELECT plugin FROM pg_replication_slots WHERE slot_name = '$name'");
    my ($kind, $options, $text, $is_event) = ('', '', 'data', q[data LIKE '{"topic"%']);
    # The byte M, flags, position, the prefix with a NUL, the size in four bytes, and then the envelope.
    ($kind, $options, $text, $is_event) = ('binary_', q{, 'proto_version', '1', 'publication_names', 'outbox', 'messages', 'true'},
        q{convert_from(substr(data, 22), 'UTF8')}, q{substr(data, 1, 1) = 'M' AND substr(data, 11, 7) = '\x6f7574626f7800'}) if $plugin eq 'pgoutput';
    return split /\n/, $node->safe_psql($database // 'postgres', "SELECT $text FROM pg_logical_slot_${how}_${kind}changes('$name', NULL, NULL$options) WHERE $is_event");
}

sub current_lsn { return $_[0]->safe_psql('postgres', 'SELECT pg_current_wal_lsn()') }

# Waits until the relay has confirmed everything that is committed now.
sub wait_for_confirmation {
    my ($node, $name, $lsn) = @_;
    $name //= 'outbox';
    $lsn //= current_lsn($node);
    return $node->poll_query_until('postgres',
        "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'");
}

# Kills the postmaster and all its children at one moment by kill -9, as a power failure does, except that the page cache stays.
sub crash {
    my ($node) = @_;
    my $lock_file = _lock_file($node);
    my $postmaster = postmaster($node);
    kill 'STOP', $postmaster;    # so that it starts no child meanwhile
    my @children = children($postmaster);
    $node->kill9;
    kill 'KILL', @children;
    wait_until { !grep { _lives($_) } $postmaster, @children } 'server processes do not die';
    # A dead postmaster for which no process has waited yet would look like a running one to the next postmaster.
    unlink $lock_file, $node->host . '/.s.PGSQL.' . $node->port . '.lock';
    return;
}

sub _lock_file { return $_[0]->data_dir . '/postmaster.pid' }

# The postmaster's process ID.
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
