# Functions in SQL that the extension and the hosted form share have one text, which stands in two scripts: the extension's script is the text of a
# released version, and the hosted form's script is one file for psql. sql/inbox.sql compares the consumer's half.
use strict;
use warnings;

use FindBin;
use Outbox::Process qw(slurp);
use Test::More;

my $folder = "$FindBin::RealBin/../../outbox_ext";

# The functions in SQL or PL/pgSQL of these scripts: name => definitions, one for each signature.
sub functions_of {
    my %text;
    for my $script (map { slurp("$folder/$_") } @_) {
        push @{ $text{$1} }, $& while $script =~ /^CREATE FUNCTION outbox\.(\w+)\((?:(?!^CREATE ).)*?AS \$\$\n.*?\$\$;$/gms;
    }
    return %text;
}

my %extension = functions_of(qw(outbox--1.0.sql outbox--1.0--1.1.sql));
my %hosted = functions_of(qw(hosted/outbox.sql hosted/doors.sql));
my @twins = grep { $hosted{$_} } sort keys %extension;
is(join(' ', @twins), 'captured create_topic_view was_emitted', 'the functions that both scripts have');
is_deeply($hosted{$_}, $extension{$_}, "$_() has one text") for @twins;

done_testing();
