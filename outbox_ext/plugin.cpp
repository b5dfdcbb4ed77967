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
// Which lines share a CopyData is lines.h's business, which transactions do gather.h's. Tested by sql/stream.sql, sql/forged.sql,
// sql/filter.sql, sql/plugin_options.sql.
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
    struct pg_tm tm;
    fsec_t fraction;
    char line[160];

    plugin->begun = true;
    if (timestamp2tm(outbox_commit_time(txn), nullptr, &tm, &fraction, nullptr, nullptr) != 0)
        memset(&tm, 0, sizeof(tm)), fraction = 0;
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
    // The lines are UTF-8. Where the database's text is something else, SQL sees them as bytea only.
    bool is_text = GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
    output->output_type = is_text ? OUTPUT_PLUGIN_TEXTUAL_OUTPUT : OUTPUT_PLUGIN_BINARY_OUTPUT;
}

bool is_ours(const xl_logical_message *message) {
    return message->transactional && message->prefix_size == sizeof(ENVELOPE_PREFIX) &&
           memcmp(message->message, ENVELOPE_PREFIX, sizeof(ENVELOPE_PREFIX)) == 0;
}

// The server asks for every record before it queues a change. Row changes and foreign messages, refused here, cost neither memory nor
// spilling. The origin is not looked at: events are delivered wherever their transaction began. Commits and prepares must get through.
// Checked on 14 to 19; depends on two orders of the server's: a row's record reaches SnapBuildProcessChange before FilterByOrigin, so the
// catalog's snapshot is built as without this answer; and in logicalmsg_decode a message asks with its own record, before
// SnapBuildProcessChange, which the transaction's first event then calls.
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
    plugin->begun = false; // the line waits for the first event
    plugin->events = 0;
}

void on_change(LogicalDecodingContext *, ReorderBufferTXN *, Relation, ReorderBufferChange *) {
} // required; of custom resource managers only

void on_skip(LogicalDecodingContext *ctx, Plugin *plugin) {
    constexpr int skipped_max = 100;
    if (++plugin->skipped < skipped_max)
        return;
    if (plugin->lines.waiting) // others need not wait for a long transaction
        lines_flush(ctx, &plugin->lines, false);
    outbox_keep_awake(ctx);
    plugin->skipped = 0;
}

// As emit limits it, or more where the operator lets all events be larger.
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
    if (!plugin->begun)
        put_begin(ctx, plugin, txn);
    if (reason != nullptr)
        return put_rejected(ctx, plugin, lsn, reason);
    plugin->events++;
    lines_put(ctx, &plugin->lines, message, size, false);
}

void on_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr) {
    Plugin *plugin = plugin_of(ctx);
    if (!plugin->begun)
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

// No stream, prepare or two-phase callbacks: the server spills what is large, and a reader sees committed transactions only.
void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    callbacks->startup_cb = on_startup;
    callbacks->filter_by_origin_cb = on_filter_by_origin;
    callbacks->begin_cb = on_begin;
    callbacks->change_cb = on_change;
    callbacks->message_cb = on_message;
    callbacks->commit_cb = on_commit;
    callbacks->shutdown_cb = on_shutdown;
}
