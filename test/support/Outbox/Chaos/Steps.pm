# The steps of faults that need nothing of the run. A step is code that the run calls again and again until the code returns something true.
package Outbox::Chaos::Steps;

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(min);
use Outbox::Process qw(slowness);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(after at_once is_too_late);

my $slowness_max = 4;

my ($faketime) = grep { -e } glob '/usr/lib{,/*,64}/faketime/libfaketimeMT.so.1';

# The library libfaketime, which gives a process another clock; undef where the library is not installed.
sub faketime { return $faketime }

sub after {
    my ($seconds) = @_;
    my $until;
    return sub { $until //= time + $seconds; return time >= $until };
}

# Whether more time has passed since the start than these seconds, which grow with the slowness of the machine now. The caller asks often.
sub is_too_late {
    my ($start, $seconds) = @_;
    my $passed = time - $start;
    return $passed > $seconds && $passed > $seconds * min(slowness(), $slowness_max);
}

sub at_once { my ($code) = @_; return sub { $code->(); return 1 } }

1;
