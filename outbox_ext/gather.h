// The plugin's option gather: several transactions share a CopyData. Each CopyData costs the walsender a system call and a wake-up of the
// reader, which for a small transaction is most of the work.
//
// A decoded transaction is held back for at most some pages of WAL, and never while the walsender waits for WAL. Before the plugin holds
// back the first transaction, it sends the line {"ahead":true}: from then on the position in a keepalive may lie beyond the end of a
// transaction that the reader has not got. The line {"ahead":false} ends this state. A reader that does not know these lines would confirm
// such a position and lose the transaction, so the plugin gathers only for a reader that asks for gather 'ahead'.
//
// While the walsender decodes nothing but the WAL of applications that publish nothing, every second wait for WAL begins with a breath, a
// pause of one to ten milliseconds: a hundredth of the time for which the slot has had no event. Without the breath the walsender would
// wake up, send a keepalive and read the same page again for every single commit. Tested by test/t/022_gather.t,
// test/t/023_breath.t, test/t/080_gather_failover.t.
#pragma once

#include "pg.h"

struct Gathering {
    XLogPageReadCB read_page; // the server's function, logical_read_xlog_page
    bool is_ahead;            // the reader has got {"ahead":true}
    int commits;              // transactions with events since the last page of WAL
    int pages;                // pages of WAL since gathered transactions were last sent
    bool has_event;           // an event came since the last wait for WAL
    bool has_breathed;        // the last wait for WAL began with a breath
    long quiet_us;            // time spent on breaths since the last event
};

// Begins to gather. Only a walsender can: in an SQL function the call is an error.
void gather_start(LogicalDecodingContext *ctx);

// Called when a transaction with events ends: sends its lines, or holds them back where the reader has got {"ahead":true}.
void gather_commit(LogicalDecodingContext *ctx);
