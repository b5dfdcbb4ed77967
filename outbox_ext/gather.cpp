#include "gather.h"

#include "plugin.h"

#include <cstring>

namespace {

constexpr int pages_max = 4;                                 // some hundred small records, decoded in half a millisecond
constexpr long breath_min_us = 1000, breath_max_us = 10'000; // what they are worth: test/bench/case/interference.pm

void put_ahead(LogicalDecodingContext *ctx, Plugin *plugin, bool is_ahead) {
    const char *line = is_ahead ? "{\"ahead\":true}" : "{\"ahead\":false}";
    plugin->gather.is_ahead = is_ahead;
    lines_put(ctx, &plugin->lines, line, strlen(line), false);
}

// The walsender is about to read a page of WAL. Waiting transactions are sent where they have waited for long enough, where the walsender
// may wait for that page, and, from a failover slot, always: from 17 on WalSndWaitForWal also waits for the standbys of
// synchronized_standby_slots, and reloads that setting just before.
void send_waiting(LogicalDecodingContext *ctx, Plugin *plugin, bool may_wait) {
    Gathering *gather = &plugin->gather;
    if (plugin->lines.waiting && !may_wait && !outbox_slot_is_failover() && ++gather->pages < pages_max)
        return;
    gather->pages = 0;
    if (!plugin->lines.waiting || may_wait) {
        ctx->accept_writes = true; // the server sets it within the callbacks only
        put_ahead(ctx, plugin, false);
    }
    lines_flush(ctx, &plugin->lines, true);
}

// As WalSndWait does, but for the latch: until 15 what others commit sets it.
void wait_for_reader(long timeout_ms) {
    WaitEvent event;
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetSocketPos, WL_SOCKET_READABLE, nullptr);
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetLatchPos, WL_LATCH_SET, nullptr);
    WaitEventSetWait(FeBeWaitSet, timeout_ms, &event, 1, PG_WAIT_EXTENSION);
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetLatchPos, WL_LATCH_SET, MyLatch);
}

// The walsender is about to wait for WAL, where it tells the reader how far it has come: so only every second wait begins with a breath. A
// reader that synchronous_standby_names makes commits wait for gets none.
void breathe(Gathering *gather) {
    gather->has_breathed = !gather->has_event && !gather->has_breathed && MyWalSnd->sync_standby_priority == 0 && !RecoveryInProgress();
    if (gather->has_event)
        gather->quiet_us = 0;
    gather->has_event = false;
    if (!gather->has_breathed)
        return;
    long breath_us = Min(Max(gather->quiet_us / 100, breath_min_us), breath_max_us);
    gather->quiet_us = Min(gather->quiet_us + breath_us, 100 * breath_max_us);
    wait_for_reader((breath_us + 999) / 1000);
}

// In the place of the server's logical_read_xlog_page, which calls WalSndWaitForWal: the only code of a plugin that runs between two
// transactions, and before every wait for WAL or for standbys. Checked on 14 to 19.
int read_page(XLogReaderState *reader, XLogRecPtr page, int size, XLogRecPtr record, char *buffer) {
    LogicalDecodingContext *ctx = static_cast<LogicalDecodingContext *>(reader->private_data);
    Plugin *plugin = plugin_of(ctx);
    bool at_hand = outbox_wal_is_at_hand(page + size);
    plugin->gather.commits = 0;
    if (plugin->gather.is_ahead)
        send_waiting(ctx, plugin, !at_hand || outbox_waits_for_standbys());
    else if (!at_hand)
        breathe(&plugin->gather);
    return plugin->gather.read_page(reader, page, size, record, buffer);
}

} // namespace

void gather_start(LogicalDecodingContext *ctx) {
    XLogPageReadCB *routine = &ctx->reader->routine.page_read;
    if (!outbox_reads_for_walsender(ctx)) // the SQL functions stop wherever they like
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("option \"gather\" of output plugin \"outbox\" needs a replication connection"), errhint("Leave it out.")));
    plugin_of(ctx)->gather.read_page = *routine;
    *routine = read_page;
}

// The first transaction after a page is sent alone: a reader of a stream where one comes now and then never needs to know of waiting.
void gather_commit(LogicalDecodingContext *ctx) {
    Plugin *plugin = plugin_of(ctx);
    plugin->gather.has_event = true;
    if (plugin->gather.is_ahead)
        return;
    if (++plugin->gather.commits > 1)
        put_ahead(ctx, plugin, true);
    lines_flush(ctx, &plugin->lines, true);
}
