# The form of outbox in the tests: the extension, or with FORM=hosted the hosted form, emit in SQL and slots of pgoutput. A file of test/t runs in
# both forms unless it is listed here with a reason; then Outbox::Node skips the file.
package Outbox::Form;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);

our %extension_only = (
    '013_setup.t' => 'setup of the extension; of the hosted form: 161_hosted_setup.t',
    '020_dump_restore.t' => "the extension's dump; the hosted form is ordinary objects",
    '021_emit_refused.t' => "the library's checks; of the hosted form: 164_hosted_refusals.t",
    '022_gather.t' => "our plugin's gather",
    '023_breath.t' => "our plugin's pauses",
    '073_setup_waits.t' => 'drops the extension on its way; the slot is waited for by the same code',
    '074_setup_security.t' => 'a superuser installs a library; the hosted form needs no superuser',
    '075_harden.t' => 'emit in SQL writes as its caller, whom --harden would take the right from',
    '078_tls_kafka.t' => 'the connection to Kafka, which has no form',
    '080_gather_failover.t' => "our plugin's gather",
    '081_restart.t' => "our plugin's saved position",
    '082_filter.t' => "our plugin's filter",
    '084_versions.t' => "our plugin's versions",
    '085_drivers.t' => 'headers that are text, which need a type that only a superuser makes',
    '086_pg_upgrade.t' => "the extension's upgrade",
    '087_cancel.t' => "our plugin's callbacks",
    '090_docs.t' => 'runs the pages once; docs/hosted.md is among them',
    '130_status.t' => 'the view outbox.status, which the hosted form does not have',
    '132_capture.t' => 'a server that decodes nothing, and the extension\'s pages',
    '133_wait_delivered.t' => 'that no snapshot is held for the whole time; of the hosted form, whose snapshots are brief: 160_hosted.t',
    '140_doctor_postgres.t' => "the doctor's checks of the extension",
    '141_doctor_kafka.t' => 'a slot of our plugin that lags; Kafka has no form',
    '142_doctor_access.t' => "the doctor's checks of the extension",
    '148_setup_topics.t' => 'the table outbox.topics, which the hosted form does not have',
    '175_doctor_topics.t' => 'the table outbox.topics, which the hosted form does not have',
    '182_header_bytes.t' => 'headers that are text, too; of the hosted form: 183_hosted_styles.t',
    '192_drivers.t' => 'headers that are text, which need a type that only a superuser makes',
    '100_pgoutput.t' => 'changes the form itself',
    '202_pg_upgrade_drops_slots.t' => "the extension's upgrade",
    '203_pg_upgrade_keeps_slots.t' => "the extension's upgrade",
    '204_rolling_upgrade.t' => "our plugin's versions",
    '160_hosted.t' => 'brings the hosted form itself',
    '161_hosted_setup.t' => 'brings the hosted form itself',
    '163_platforms.t' => 'brings the hosted form itself',
    '164_hosted_refusals.t' => 'brings the hosted form itself',
    '207_no_restart.t' => 'plays both forms',
    '162_move.t' => 'changes the form itself',
);

sub is_hosted { return ($ENV{FORM} // '') eq 'hosted' }

# Why this file does not run with the hosted form; undef where it does, or where the tests run with the extension.
sub reason_to_skip { return is_hosted() ? $extension_only{ basename($0) } : undef }

sub plugin { return is_hosted() ? 'pgoutput' : 'outbox' }

# Arguments for setup, besides those of a test.
sub setup_arguments { return is_hosted() ? (qw(--plugin pgoutput)) : () }

# Creates the extension, or runs the script of the hosted form, in this database.
sub install {
    my ($node, $database) = @_;
    return $node->safe_psql($database, 'CREATE EXTENSION outbox') if !is_hosted();
    return $node->safe_psql($database, 'BEGIN;\i ' . abs_path(dirname(__FILE__) . '/../../../outbox_ext/hosted/outbox.sql') . "\nCOMMIT;");
}

# From now on emit demands the slot, as after setup. The extension demands its slots without this.
sub demand {
    my ($node, $database, $slot) = @_;
    $node->safe_psql($database, "UPDATE outbox.settings SET slots = array_append(slots, '$slot')") if is_hosted();
    return;
}

sub demand_no_more {
    my ($node, $database, $slot) = @_;
    $node->safe_psql($database, "UPDATE outbox.settings SET slots = array_remove(slots, '$slot')") if is_hosted();
    return;
}

# Returns the configuration without the extension's settings, and the statement that sets these for the hosted form.
sub settings {
    my ($conf) = @_;
    my @changes;
    my $value = sub { my ($name, $text) = @_; return $name eq 'max_event_bytes' ? "pg_size_bytes('$text')" : "'$text'" };
    push @changes, "$1 = " . $value->($1, $2) while $conf =~ s/^outbox\.(max_event_bytes|missing_slot) = '(.*)'\n//m;
    return ($conf, @changes ? 'UPDATE outbox.settings SET ' . join(', ', @changes) : undef);
}

1;
