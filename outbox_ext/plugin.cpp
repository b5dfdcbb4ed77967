// The output plugin: turns a slot's decoded transactions into lines of JSON, nothing else.
//
//   {"begin":"0/16B3748","xid":742,"ts":"2026-11-23T09:42:00.123456Z"}
//   …envelopes as emit wrote them, in order…
//   {"commit":"0/16B3748","events":3}
//
// Begin and commit name the end of the commit record, the one position a reader may confirm. The LSN in a CopyData's header is its first
// line's and means nothing. A transaction without events writes nothing. What is in the WAL is untrusted: a message that is no envelope
// becomes {"rejected":"<lsn>","reason":"…"}; no data raises an error, for it would come again with every attempt.
//
// With the option gather, transactions share a CopyData, for the system call and the wake-up that each of them costs are most of what a
// walsender pays for a small one. A transaction waits for some pages of WAL at most, never while the walsender waits. Before the first one
// does, the reader is told {"ahead":true}: the position in a keepalive may be beyond what it was sent. {"ahead":false} ends that.
//
// With the same option every second wait is longer while nothing comes but what others write: by a hundredth of the time that this has
// lasted, between a millisecond and ten. The walsender would wake up, tell the reader and read the same page again for every single commit
// of an application that has nothing to publish. Tested by sql/stream.sql, sql/forged.sql, sql/plugin_options.sql, test/t/022_gather.t.
#include "plugin_options.h"

extern "C" {
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

namespace {

struct Plugin {
    PluginOptions options;
    bool begun;   // this transaction's begin line is written
    bool pending; // ctx->out holds lines that are not yet sent
    uint64 events;
    int skipped; // messages since the last sign of life

    XLogPageReadCB read_page; // the server's, where transactions are gathered
    bool is_ahead;            // the reader has been told
    int commits;              // with events, since the last page of WAL
    int pages;                // of WAL, since the last flush of gathered transactions
    bool has_event;           // came since the last wait for WAL
    bool has_breathed;        // before it
    long quiet_us;            // spent on breaths since the last event
};

Plugin *plugin_of(LogicalDecodingContext *ctx) { return static_cast<Plugin *>(ctx->output_plugin_private); }

// ---- lines ----------------------------------------------------------------------------------------------------------

void flush(LogicalDecodingContext *ctx, Plugin *plugin, bool last) {
    OutputPluginWrite(ctx, last);
    plugin->pending = false;
}

// Lines share a CopyData up to batch_bytes; a longer line has one for itself.
void put_line(LogicalDecodingContext *ctx, Plugin *plugin, const char *line, size_t size, bool last) {
    if (plugin->pending && ctx->out->len + 1 + size > static_cast<size_t>(plugin->options.batch_bytes))
        flush(ctx, plugin, false);
    if (plugin->pending)
        appendStringInfoChar(ctx->out, '\n');
    else
        OutputPluginPrepareWrite(ctx, last);
    plugin->pending = true;
    appendBinaryStringInfo(ctx->out, line, static_cast<int>(size));
    if (last)
        flush(ctx, plugin, true);
}

void put_begin(LogicalDecodingContext *ctx, Plugin *plugin, const ReorderBufferTXN *txn) {
    struct pg_tm tm;
    fsec_t fraction;
    char line[160];

    plugin->begun = true;
    if (timestamp2tm(outbox_commit_time(txn), nullptr, &tm, &fraction, nullptr, nullptr) != 0)
        memset(&tm, 0, sizeof(tm)), fraction = 0;
    int size = snprintf(line, sizeof(line), "{\"begin\":\"%X/%X\",\"xid\":%u,\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"}",
                        OUTBOX_LSN_ARGS(txn->end_lsn), txn->xid, tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                        static_cast<int>(fraction));
    put_line(ctx, plugin, line, static_cast<size_t>(size), false);
}

void put_rejected(LogicalDecodingContext *ctx, Plugin *plugin, XLogRecPtr lsn, const char *reason) {
    char line[160];
    int size = snprintf(line, sizeof(line), "{\"rejected\":\"%X/%X\",\"reason\":\"%s\"}", OUTBOX_LSN_ARGS(lsn), reason);
    put_line(ctx, plugin, line, static_cast<size_t>(size), false);
}

void put_ahead(LogicalDecodingContext *ctx, Plugin *plugin, bool is_ahead) {
    const char *line = is_ahead ? "{\"ahead\":true}" : "{\"ahead\":false}";
    plugin->is_ahead = is_ahead;
    put_line(ctx, plugin, line, strlen(line), false);
}

// ---- gathering ------------------------------------------------------------------------------------------------------

constexpr int pages_max = 4;                                 // some hundred small records, decoded in half a millisecond
constexpr long breath_min_us = 1000, breath_max_us = 10'000; // what they are worth: test/bench/case/interference.pm

// A transaction waits where the reader knows that some do. Where one comes now and then, the reader never needs to.
void send_or_wait(LogicalDecodingContext *ctx, Plugin *plugin) {
    if (plugin->is_ahead)
        return;
    if (++plugin->commits > 1)
        put_ahead(ctx, plugin, true);
    flush(ctx, plugin, true);
}

// Before WAL is read: those who have waited long enough are sent, and all of them where the server would wait.
void send_waiting(LogicalDecodingContext *ctx, Plugin *plugin, bool at_hand) {
    if (plugin->pending && at_hand && ++plugin->pages < pages_max)
        return;
    plugin->pages = 0;
    if (!plugin->pending || !at_hand) {
        ctx->accept_writes = true; // as within the callbacks
        put_ahead(ctx, plugin, false);
    }
    flush(ctx, plugin, true);
}

// Not before every wait, for it is while it waits that the server tells the reader how far it has come. Nor where synchronous_standby_names
// lets commits wait for this reader.
void breathe(Plugin *plugin) {
    plugin->has_breathed = !plugin->has_event && !plugin->has_breathed && MyWalSnd->sync_standby_priority == 0 && !RecoveryInProgress();
    if (plugin->has_event)
        plugin->quiet_us = 0;
    plugin->has_event = false;
    if (!plugin->has_breathed)
        return;
    long breath_us = Min(Max(plugin->quiet_us / 100, breath_min_us), breath_max_us);
    plugin->quiet_us = Min(plugin->quiet_us + breath_us, 100 * breath_max_us);
    pg_usleep(breath_us);
}

// Between two transactions, and before every wait for WAL: the server comes to it by no other way.
int read_page(XLogReaderState *reader, XLogRecPtr page, int size, XLogRecPtr record, char *buffer) {
    LogicalDecodingContext *ctx = static_cast<LogicalDecodingContext *>(reader->private_data);
    Plugin *plugin = plugin_of(ctx);
    plugin->commits = 0;
    if (plugin->is_ahead) {
        send_waiting(ctx, plugin, outbox_wal_is_at_hand(page + size));
    } else if (!outbox_wal_is_at_hand(page + size)) {
        breathe(plugin);
    }
    return plugin->read_page(reader, page, size, record, buffer);
}

void start_gathering(LogicalDecodingContext *ctx, Plugin *plugin) {
    XLogPageReadCB *routine = &ctx->reader->routine.page_read;
    if (*routine == read_local_xlog_page) // the SQL functions stop wherever they like
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("option \"gather\" of output plugin \"outbox\" needs a replication connection"),
                        errhint("Leave it out, or read the slot with \"pg_recvlogical\".")));
    plugin->read_page = *routine;
    *routine = read_page;
}

// ---- callbacks, in the order in which the server calls them ---------------------------------------------------------

void on_startup(LogicalDecodingContext *ctx, OutputPluginOptions *output, bool) {
    Plugin *plugin = static_cast<Plugin *>(MemoryContextAllocZero(ctx->context, sizeof(Plugin)));
    ctx->output_plugin_private = plugin;
    plugin->options = plugin_options_parse(ctx->context, ctx->output_plugin_options);
    if (plugin->options.gather)
        start_gathering(ctx, plugin);
    // The lines are UTF-8. Where the database's text is something else, SQL sees them as bytea only.
    bool is_text = GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
    output->output_type = is_text ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
}

// Asked for every record before it is queued. Row changes are none of ours: refused here they cost neither memory nor spilling. The
// catalog snapshot is kept before this question, and commits and messages must get through.
[[maybe_unused]] bool on_filter_by_origin(LogicalDecodingContext *ctx, OutboxOriginId) {
    RmgrId manager = XLogRecGetRmid(ctx->reader);
    return manager == RM_HEAP_ID || manager == RM_HEAP2_ID;
}

void on_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *) {
    Plugin *plugin = plugin_of(ctx);
    plugin->begun = false; // the line waits for the first event
    plugin->events = 0;
}

void on_change(LogicalDecodingContext *, ReorderBufferTXN *, Relation, ReorderBufferChange *) {} // required; nothing gets here

void on_skip(LogicalDecodingContext *ctx, Plugin *plugin) {
    constexpr int skipped_max = 100;
    if (++plugin->skipped < skipped_max)
        return;
    if (plugin->pending) // others need not wait for a long transaction
        flush(ctx, plugin, false);
    outbox_update_progress(ctx);
    plugin->skipped = 0;
}

void on_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional, const char *prefix, Size size,
                const char *message) {
    Plugin *plugin = plugin_of(ctx);
    if (!transactional || strcmp(prefix, ENVELOPE_PREFIX) != 0)
        return on_skip(ctx, plugin);

    Text topic;
    const char *reason = envelope_reject(message, size, &topic);
    if (reason == nullptr && !plugin_options_want(&plugin->options, topic))
        return on_skip(ctx, plugin);
    if (!plugin->begun)
        put_begin(ctx, plugin, txn);
    if (reason != nullptr)
        return put_rejected(ctx, plugin, lsn, reason);
    plugin->events++;
    put_line(ctx, plugin, message, size, false);
}

void on_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr) {
    Plugin *plugin = plugin_of(ctx);
    if (!plugin->begun)
        return;
    char line[80];
    int size =
        snprintf(line, sizeof(line), "{\"commit\":\"%X/%X\",\"events\":" UINT64_FORMAT "}", OUTBOX_LSN_ARGS(txn->end_lsn), plugin->events);
    put_line(ctx, plugin, line, static_cast<size_t>(size), !plugin->options.gather);
    plugin->has_event = true;
    if (plugin->options.gather)
        send_or_wait(ctx, plugin);
}

} // namespace

// No stream, prepare or two-phase callbacks: the server spills what is large, and a reader sees committed transactions only.
void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    callbacks->startup_cb = on_startup;
#ifndef OUTBOX_BENCH_NO_FILTER // what the filter is worth: test/bench/case/interference.pm
    callbacks->filter_by_origin_cb = on_filter_by_origin;
#endif
    callbacks->begin_cb = on_begin;
    callbacks->change_cb = on_change;
    callbacks->message_cb = on_message;
    callbacks->commit_cb = on_commit;
}
