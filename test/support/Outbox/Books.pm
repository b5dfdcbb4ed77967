# The SQL of a test's writers: for each event a writer writes a row in the same transaction, and prints a line with the event that must arrive, which
# a checker compares with Kafka's records. The transaction holds the row lock of the key's counter until the commit, so the counter is the commit
# order of the key.
package Outbox::Books;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(fixture event_of);

my $fixture = <<'END';
CREATE TABLE counter(topic text, key text, seq bigint NOT NULL DEFAULT 0, PRIMARY KEY (topic, key)) WITH (fillfactor = 10);
CREATE TABLE ledger(id uuid PRIMARY KEY, txn text NOT NULL);
CREATE FUNCTION booked(payload bytea) RETURNS text LANGUAGE sql AS 'SELECT %s';

-- One event, its row, and what the judge must know of it. kind: json, bytes or tombstone.
CREATE FUNCTION act(txn text, topic_ text, key_ text, kind text, size int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
    id uuid;
    payload bytea;
    event_type text := CASE WHEN size % 2 = 0 THEN 'made' END;
    headers jsonb := CASE WHEN size % 3 = 0 THEN jsonb_build_object('trace', txn, 'ä"', 'ö\') END;
BEGIN
    UPDATE counter c SET seq = c.seq + 1 WHERE c.topic = topic_ AND c.key = key_ RETURNING c.seq INTO place;
    IF kind = 'json' THEN
        payload := convert_to(CASE WHEN size < 40 THEN rpad('1', size, '7')
            ELSE rpad(format('{"txn":"%s","pad":"', txn), size - 2, 'outbox ') || '"}' END, 'UTF8');
        id := outbox.emit(topic_, key_, convert_from(payload, 'UTF8'), event_type, headers);
    ELSIF kind = 'bytes' THEN
        payload := substr(decode(repeat('00ff7b0a', size / 4 + 1), 'hex'), 1, size);
        id := outbox.emit(topic_, key_, payload, event_type, headers);
    ELSE
        id := outbox.emit(topic_, key_, NULL::text, event_type, headers);
    END IF;
    INSERT INTO ledger VALUES (id, txn);
    RETURN concat_ws(E'\t', 'event', txn, id, topic_, coalesce('=' || key_, '-'), coalesce(place, 0), coalesce(event_type, '-'),
        CASE WHEN headers IS NULL THEN '-' ELSE txn END, coalesce(booked(payload), '-'));
END $$;
END

# Creates tables and functions. An SQL expression gives what the line has of a payload: the payload itself, or less where there are many events.
sub fixture { my ($expression) = @_; return $fixture =~ s/%s/$expression =~ s{'}{''}gr/er }

# Reads a line: { id, txn, topic, key, seq, headers, payload (as in the line, or undef) }.
sub event_of {
    my ($line) = @_;
    my (undef, $txn, $id, $topic, $key, $seq, $type, $trace, $payload) = split /\t/, $line, -1;
    my @headers = ([ id => $id ]);
    push @headers, [ type => $type ] if $type ne '-';
    push @headers, [ 'ä"' => 'ö\\' ], [ trace => $trace ] if $trace ne '-';    # jsonb orders its members by length
    my $has_key = $key =~ s/^=//;
    return {
        id => $id, txn => $txn, topic => $topic, key => $has_key ? $key : undef, seq => $has_key ? $seq : undef,
        headers => \@headers, payload => $payload eq '-' ? undef : $payload,
    };
}

1;
