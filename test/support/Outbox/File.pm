# Files as a whole, also for programs that run without PostgreSQL's test modules.
package Outbox::File;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(slurp write_file);

# The bytes of a file from an offset on; '' where there is no such file.
sub slurp {
    my ($path, $offset) = @_;
    open my $file, '<', $path or return '';
    seek $file, $offset // 0, 0;
    local $/;
    return <$file> // '';
}

# Replaces the content of a file and returns the path; dies where that fails.
sub write_file {
    my ($path, $bytes) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $bytes;
    close $file or die "$path: $!\n";
    return $path;
}

1;
