# Steps of a fault that need nothing of the run: code that is called again and again until it returns something true.
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

# The library that gives a process another clock; undef where it is not installed.
sub faketime { return $faketime }

sub after {
    my ($seconds) = @_;
    my $until;
    return sub { $until //= time + $seconds; return time >= $until };
}

# Whether more has passed since the start than a quiet machine may take, or so many times longer as this one is slow now. Ask often.
sub is_too_late {
    my ($start, $seconds) = @_;
    my $passed = time - $start;
    return $passed > $seconds && $passed > $seconds * min(slowness(), $slowness_max);
}

sub at_once { my ($code) = @_; return sub { $code->(); return 1 } }

1;
