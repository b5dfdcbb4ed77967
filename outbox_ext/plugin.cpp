// The output plugin: turns a slot's decoded transactions into lines of JSON, nothing else.
//
//   {"begin":"0/16B3748","xid":742,"ts":"2026-11-23T09:42:00.123456Z"}
//   …envelopes as emit wrote them, in order…
//   {"commit":"0/16B3748","events":3}
//
// The begin line and the commit line name the end of the commit record, the one position that a reader may confirm. (The LSN in a
// CopyData's header belongs to its first line and says nothing.) A transaction without events has no lines. The WAL holds what anybody has
// written: a message that the guard rejects becomes {"rejected":"<lsn>","reason":"…"}. No message raises an error, because the server would
// decode the same message at the next attempt.
//
// lines.h decides which lines share a CopyData, gather.h which transactions do. Tested by sql/stream.sql, sql/forged.sql, sql/filter.sql,
// sql/plugin_options.sql, test/t/082_filter.t.
#include "plugin.h"

#include "contract/guard.h"
#include "saved_position.h"
#include "settings.h"

#include <cstring>

extern "C" {
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

namespace {

// ---- lines ----------------------------------------------------------------------------------------------------------

void put_begin(LogicalDecodingContext *ctx, Plugin *plugin, const ReorderBufferTXN *txn) {
    struct pg_tm tm = {};
    fsec_t fraction = 0;
    char line[160];

    timestamp2tm(outbox_commit_time(txn), nullptr, &tm, &fraction, nullptr, nullptr); // the server's own time is never out of range
    plugin->has_begun = true;
    int size = snprintf(line, sizeof(line), "{\"begin\":\"%X/%X\",\"xid\":%u,\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"}",
                        OUTBOX_LSN_ARGS(txn->end_lsn), txn->xid, tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                        static_cast<int>(fraction));
    lines_put(ctx, &plugin->lines, line, static_cast<size_t>(size), false);
}

void put_rejected(LogicalDecodingContext *ctx, Plugin *plugin, XLogRecPtr lsn, const char *reason) {
    char line[160];
    int size = snprintf(line, sizeof(line), "{\"rejected\":\"%X/%X\",\"reason\":\"%s\"}", OUTBOX_LSN_ARGS(lsn), reason);
    lines_put(ctx, &plugin->lines, line, static_cast<size_t>(size), false);
}

// ---- callbacks, in the order in which the server calls them ---------------------------------------------------------

void on_startup(LogicalDecodingContext *ctx, OutputPluginOptions *output, bool) {
    Plugin *plugin = static_cast<Plugin *>(MemoryContextAllocZero(ctx->context, sizeof(Plugin)));
    ctx->output_plugin_private = plugin;
    plugin->options = plugin_options_parse(ctx->context, ctx->output_plugin_options);
    plugin->lines.batch_bytes = plugin->options.batch_bytes;
    saved_position_start(ctx);
    if (plugin->options.gather)
        gather_start(ctx);
    // The lines are UTF-8. In a database with another encoding they are no text, and SQL sees them as bytea only.
    bool is_text = GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
    output->output_type = is_text ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
}

bool is_ours(const xl_logical_message *message) {
    return message->transactional && message->prefix_size == sizeof(ENVELOPE_PREFIX) &&
           memcmp(message->message, ENVELOPE_PREFIX, sizeof(ENVELOPE_PREFIX)) == 0;
}

// The server calls this function before a change is queued. Row changes and foreign messages are refused, so they cost neither memory nor
// spilling; commits and prepares pass. The origin itself plays no part: an event is delivered wherever its transaction began. Depends on
// FilterByOrigin being called with ctx->reader at the record in question: by heap_decode's functions after SnapBuildProcessChange, by
// logicalmsg_decode before it; checked on 14 to 19. test/t/082_filter.t fails when that breaks.
bool on_filter_by_origin(LogicalDecodingContext *ctx, OutboxOriginId) {
    switch (XLogRecGetRmid(ctx->reader)) {
    case RM_HEAP_ID:
    case RM_HEAP2_ID: return true;
    case RM_LOGICALMSG_ID: return !is_ours(reinterpret_cast<const xl_logical_message *>(XLogRecGetData(ctx->reader)));
    default: return false;
    }
}

void on_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *) {
    Plugin *plugin = plugin_of(ctx);
    plugin->has_begun = false; // the transaction's first event writes the begin line
    plugin->events = 0;
}

void on_change(LogicalDecodingContext *, ReorderBufferTXN *, Relation, ReorderBufferChange *) {
} // The server requires this callback; only the changes of custom resource managers get here.

void on_skip(LogicalDecodingContext *ctx, Plugin *plugin) {
    constexpr int skipped_max = 100;
    if (++plugin->skipped < skipped_max)
        return;
    if (plugin->lines.waiting) // earlier transactions do not wait for this long one
        lines_flush(ctx, &plugin->lines, false);
    outbox_keep_awake(ctx);
    plugin->skipped = 0;
}

// The limit of emit, or the operator's limit for all events where that is larger.
size_t head_max() { return Max(envelope_head_max, static_cast<size_t>(outbox_max_event_bytes)); }

void on_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional, const char *prefix, Size size,
                const char *message) {
    Plugin *plugin = plugin_of(ctx);
    if (!transactional || strcmp(prefix, ENVELOPE_PREFIX) != 0)
        return on_skip(ctx, plugin);

    Text topic;
    const char *reason = guard_reject(message, size, head_max(), &topic);
    if (reason == nullptr && !plugin_options_want(&plugin->options, topic))
        return on_skip(ctx, plugin);
    if (!plugin->has_begun)
        put_begin(ctx, plugin, txn);
    if (reason != nullptr)
        return put_rejected(ctx, plugin, lsn, reason);
    plugin->events++;
    lines_put(ctx, &plugin->lines, message, size, false);
}

void on_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr) {
    Plugin *plugin = plugin_of(ctx);
    if (!plugin->has_begun)
        return;
    char line[80];
    int size =
        snprintf(line, sizeof(line), "{\"commit\":\"%X/%X\",\"events\":" UINT64_FORMAT "}", OUTBOX_LSN_ARGS(txn->end_lsn), plugin->events);
    lines_put(ctx, &plugin->lines, line, static_cast<size_t>(size), !plugin->options.gather);
    if (plugin->options.gather)
        gather_commit(ctx);
    saved_position_sent(txn->end_lsn);
    outbox_update_progress(ctx);
}

void on_shutdown(LogicalDecodingContext *) { saved_position_stop(); }

} // namespace

// Without callbacks for streaming and two-phase commit the server spills large transactions and hands over committed ones only.
void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    callbacks->startup_cb = on_startup;
    callbacks->filter_by_origin_cb = on_filter_by_origin;
    callbacks->begin_cb = on_begin;
    callbacks->change_cb = on_change;
    callbacks->message_cb = on_message;
    callbacks->commit_cb = on_commit;
    callbacks->shutdown_cb = on_shutdown;
}
