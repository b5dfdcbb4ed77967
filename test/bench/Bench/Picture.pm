# The picture of a result, drawn by gnuplot: as the case defines it, or the first figure as bars, a group for each point. Without gnuplot there is no
# picture.
package Bench::Picture;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(draw gnuplot);

sub draw {
    my ($result, $path) = @_;
    return gnuplot($path, $result->plot->()) if $result->plot;
    my ($name, $heading) = @{ ($result->figures)[0] };
    my (%seen, @points, @candidates);
    for my $point ($result->points) {
        my @drawn = grep { defined $result->median($point, $_, $name) } $result->candidates($point);
        push @points, $point if @drawn;
        push @candidates, grep { !$seen{$_}++ } @drawn;
    }
    return 0 if !@points;
    my $labels = @points > 8 ? 'rotate by -40' : 'norotate';
    my $data = join '', map {
        my $point = $_;
        join("\t", qq["$point"], map { $result->median($point, $_, $name) // 'NaN' } @candidates) . "\n"
    } @points;
    my $plots = join ', ', map { sprintf q['$data' using %d%s title "%s"], $_ + 2, $_ ? '' : ':xtic(1)', $candidates[$_] } 0 .. $#candidates;
    return gnuplot($path, <<"END");
\$data << ROWS
${data}ROWS
set ylabel "$heading"
set style data histogram
set style histogram cluster gap 1
set style fill solid
set yrange [0:*]
set format y "%.10g"
set key outside top center maxcols 3
set xtics $labels
plot $plots
END
}

# Runs a script for gnuplot, which draws an SVG file; false where there is no gnuplot.
sub gnuplot {
    my ($path, $script) = @_;
    return 0 if system('command -v gnuplot >/dev/null') != 0;
    open my $gnuplot, '|-', 'gnuplot' or die "gnuplot: $!\n";
    print $gnuplot qq[set terminal svg noenhanced size 1000,600 dynamic background "white"\nset output "$path"\nset grid y\n$script];
    close $gnuplot or die "gnuplot refuses its script\n";
    return 1;
}

1;
