#include "gather.h"

#include "plugin.h"

#include <cstring>

namespace {

constexpr int pages_max = 4;                                 // some hundred small records, decoded in half a millisecond
constexpr long breath_min_us = 1000, breath_max_us = 10'000; // test/bench/case/interference.pm measures what breaths save

void put_ahead(LogicalDecodingContext *ctx, Plugin *plugin, bool is_ahead) {
    const char *line = is_ahead ? "{\"ahead\":true}" : "{\"ahead\":false}";
    plugin->gather.is_ahead = is_ahead;
    lines_put(ctx, &plugin->lines, line, strlen(line), false);
}

// Called before the walsender reads a page of WAL. Sends the gathered transactions after some pages, before a page for which the walsender
// may wait, and before every page of a failover slot: from 17 on WalSndWaitForWal also waits for the standbys of
// synchronized_standby_slots, and reloads that setting just before.
void send_waiting(LogicalDecodingContext *ctx, Plugin *plugin, bool may_wait) {
    Gathering *gather = &plugin->gather;
    if (plugin->lines.waiting && !may_wait && !outbox_slot_is_failover() && ++gather->pages < pages_max)
        return;
    gather->pages = 0;
    if (!plugin->lines.waiting || may_wait) {
        ctx->accept_writes = true; // the server sets it for the plugin's callbacks only
        put_ahead(ctx, plugin, false);
    }
    lines_flush(ctx, &plugin->lines, true);
}

// Waits as WalSndWait does, for the reader's messages and without the latch: up to 15 every commit of other sessions sets the latch.
void wait_for_reader(long timeout_ms) {
    WaitEvent event;
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetSocketPos, WL_SOCKET_READABLE, nullptr);
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetLatchPos, WL_LATCH_SET, nullptr);
    WaitEventSetWait(FeBeWaitSet, timeout_ms, &event, 1, PG_WAIT_EXTENSION);
    ModifyWaitEvent(FeBeWaitSet, FeBeWaitSetLatchPos, WL_LATCH_SET, MyLatch);
}

// Called before the walsender waits for WAL. Only every second wait begins with a breath, since the walsender sends its keepalives while it
// waits. There is no breath where commits wait for this reader (synchronous_standby_names).
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

// Stands in the place of the server's logical_read_xlog_page, because a plugin has no callback between two transactions. Depends on
// logical_read_xlog_page being the walsender's page_read and the only caller of WalSndWaitForWal, which waits for WAL and for standbys;
// checked on 14 to 19. test/t/022_gather.t fails when that breaks.
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
    if (!outbox_reads_for_walsender(ctx)) // an SQL function may stop between two transactions
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("option \"gather\" of output plugin \"outbox\" needs a replication connection"), errhint("Leave the option out.")));
    plugin_of(ctx)->gather.read_page = *routine;
    *routine = read_page;
}

// Sends the first transaction after a page of WAL alone. A reader of a slow stream, with a transaction now and then, never sees
// {"ahead":…}.
void gather_commit(LogicalDecodingContext *ctx) {
    Plugin *plugin = plugin_of(ctx);
    plugin->gather.has_event = true;
    if (plugin->gather.is_ahead)
        return;
    if (++plugin->gather.commits > 1)
        put_ahead(ctx, plugin, true);
    lines_flush(ctx, &plugin->lines, true);
}
