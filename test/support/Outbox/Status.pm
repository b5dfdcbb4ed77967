# Asks a relay over HTTP that was started with --listen 127.0.0.1:0.
package Outbox::Status;

use strict;
use warnings;

use Exporter qw(import);
use HTTP::Tiny;
use Outbox::Process qw(wait_until);

our @EXPORT_OK = qw(address ask metrics metrics_text next_look);

sub address {
    my ($relay) = @_;
    wait_until { $relay->log =~ m{status on http://} } 'no status server', 20;
    return ($relay->log =~ m{status on http://(127\.0\.0\.1:\d+)/})[0];
}

# The response, as HTTP::Tiny has it.
sub ask {
    my ($relay, $path, $method) = @_;
    return HTTP::Tiny->new(timeout => 10)->request($method // 'GET', 'http://' . address($relay) . $path);
}

sub metrics_text { return ask($_[0], '/metrics')->{content} }

# The metrics: { 'name{label="value",…}' => number }, without the prefix outbox_relay_.
sub metrics {
    my ($relay) = @_;
    return { map { /^(?:outbox_relay_)?([a-z]\S*(?: \S+)*?) (-?[0-9.e+-]+|NaN|\+Inf)$/ ? ($1 => $2) : () } split /\n/, metrics_text($relay) };
}

# Waits until the relay has asked the server about its slot once more. Returns the metrics of every scrape until then.
sub next_look {
    my ($relay) = @_;
    my @seen = metrics($relay);
    wait_until {
        push @seen, metrics($relay);
        return ($seen[-1]{slot_seen_timestamp_seconds} // 0) > ($seen[0]{slot_seen_timestamp_seconds} // 0);
    } 'the relay does not ask about its slot', 90;
    return @seen;
}

1;
