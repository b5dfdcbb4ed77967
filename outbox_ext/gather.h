// The plugin's option gather: transactions share a CopyData, for the system call and the wake-up that each CopyData costs are most of what
// a walsender pays for a small transaction.
//
// A decoded transaction waits for at most some pages of WAL, and never while the walsender waits. Before the first transaction waits, the
// reader is told {"ahead":true}: the position in a keepalive may be beyond what the reader was sent. {"ahead":false} ends that. A reader
// that does not know these lines would confirm transactions it has not got, so gathering is for those who ask for it by that word.
//
// While the walsender decodes nothing but what others write, every second wait for WAL begins with a breath: a hundredth of the time that
// this has lasted, between one and ten milliseconds. Without it the walsender would wake up, send a keepalive and read the same page again
// for every single commit of an application that has nothing to publish. Tested by test/t/022_gather.t, test/t/080_gather_failover.t.
#pragma once

#include "pg.h"

struct Gathering {
    XLogPageReadCB read_page; // the server's
    bool is_ahead;            // the reader has been told
    int commits;              // with events, since the last page of WAL
    int pages;                // of WAL, since the last flush of gathered transactions
    bool has_event;           // came since the last wait for WAL
    bool has_breathed;        // before that wait
    long quiet_us;            // spent on breaths since the last event
};

// An error where the reader is no walsender's.
void gather_start(LogicalDecodingContext *ctx);

// A transaction with events has ended: its lines are sent, or wait where the reader knows that some do.
void gather_commit(LogicalDecodingContext *ctx);
