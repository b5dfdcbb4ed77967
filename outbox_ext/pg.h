// The only door to the server's headers, and the only place that knows how PostgreSQL 14 to 19 differ.
#pragma once

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"   // ilist.h, bufpage.h
#pragma GCC diagnostic ignored "-Wregister"           // before 16
#pragma GCC diagnostic ignored "-Wignored-attributes" // clang: the format attributes are those of the compiler that built the server
#include "postgres.h"

// libpq.h and pg_locale.h include the headers of TLS, Kerberos and ICU where the server was built with these; the extension needs none of
// them.
#undef ENABLE_GSS
#undef ENABLE_SSPI
#undef USE_ICU
#undef USE_OPENSSL
#undef USE_SSL
#include "libpq/libpq.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/string.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "pgtime.h"
#include "replication/logical.h"
#include "replication/message.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "replication/walsender_private.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#pragma GCC diagnostic pop
extern PGDLLIMPORT char *locale_monetary; // of utils/pg_locale.h, which includes ICU's headers where the server has ICU
}

// LSN_FORMAT_ARGS does not compile in C++.
#define OUTBOX_LSN_ARGS(lsn) static_cast<uint32>((lsn) >> 32), static_cast<uint32>(lsn)

#if PG_VERSION_NUM >= 190000
using OutboxOriginId = ReplOriginId;
#else
using OutboxOriginId = RepOriginId;
#endif

#if PG_VERSION_NUM >= 190000
#define OUTBOX_WAL_LEVEL_HINT "Create the slot with \"outbox-relay setup\"."
#else
#define OUTBOX_WAL_LEVEL_HINT "Set \"wal_level\" to \"logical\" and restart the server."
#endif

// True where the WAL up to this position is on disk, so that WalSndWaitForWal returns at once. On a standby the replay decides, so the
// answer is false.
static inline bool outbox_wal_is_at_hand(XLogRecPtr end) {
#if PG_VERSION_NUM >= 150000
    return !RecoveryInProgress() && GetFlushRecPtr(nullptr) >= end;
#else
    return !RecoveryInProgress() && GetFlushRecPtr() >= end;
#endif
}

// True where a walsender reads the slot. An SQL function brings a page reader of its own, even over a replication connection.
static inline bool outbox_reads_for_walsender(const LogicalDecodingContext *ctx) {
    return MyWalSnd != nullptr && ctx->reader->routine.page_read != read_local_xlog_page;
}

// From 17 on: true for a failover slot, whose reader gets events only after the standbys of synchronized_standby_slots have them.
static inline bool outbox_slot_is_failover() {
#if PG_VERSION_NUM >= 170000
    return MyReplicationSlot->data.failover;
#else
    return false;
#endif
}

static inline bool outbox_waits_for_standbys() {
#if PG_VERSION_NUM >= 170000
    return MyReplicationSlot->data.failover && synchronized_standby_slots != nullptr && *synchronized_standby_slots != '\0';
#else
    return false;
#endif
}

// Memory that a check hook hands to the server, which frees it. Null, after a line in the log: the system has none.
static inline void *outbox_guc_malloc(size_t size) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, size);
#else
    return malloc(size);
#endif
}

static inline void outbox_guc_free(void *memory) {
#if PG_VERSION_NUM >= 160000
    guc_free(memory);
#else
    free(memory);
#endif
}

static inline XLogRecPtr outbox_log_message(const char *prefix, const char *message, size_t size) {
#if PG_VERSION_NUM >= 170000
    return LogLogicalMessage(prefix, message, size, true, false);
#else
    return LogLogicalMessage(prefix, message, size, true);
#endif
}

static inline TimestampTz outbox_commit_time(const ReorderBufferTXN *txn) {
#if PG_VERSION_NUM >= 150000 && PG_VERSION_NUM < 190000
    return txn->xact_time.commit_time;
#else
    return txn->commit_time;
#endif
}

static inline bool outbox_slot_invalidated(const ReplicationSlotPersistentData *slot) {
#if PG_VERSION_NUM >= 160000
    return slot->invalidated != RS_INVAL_NONE;
#else
    return slot->invalidated_at != InvalidXLogRecPtr;
#endif
}

// Tells the server how far decoding has come. At a commit the lag columns of pg_stat_replication get their sample; at any other time the
// server sends a keepalive if one is due.
static inline void outbox_update_progress(LogicalDecodingContext *ctx) {
#if PG_VERSION_NUM < 150000
    OutputPluginUpdateProgress(ctx);
#else
    OutputPluginUpdateProgress(ctx, false);
#endif
}

// Keeps the reader from a timeout while the plugin writes nothing. From 16 on the server does so itself.
static inline void outbox_keep_awake([[maybe_unused]] LogicalDecodingContext *ctx) {
#if PG_VERSION_NUM < 160000
    outbox_update_progress(ctx);
#endif
}

// True where the current user may execute the function.
static inline bool outbox_may_execute(Oid function) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#else
    return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

// Finishes a tuple description that the extension built itself; from 19 on the server demands that call.
static inline void outbox_finish_description([[maybe_unused]] TupleDesc description) {
#if PG_VERSION_NUM >= 190000
    TupleDescFinalize(description);
#endif
}

// The parts of a name such as schema.function.
static inline List *outbox_qualified_name(const char *name) {
#if PG_VERSION_NUM >= 160000
    return stringToQualifiedNameList(name, nullptr);
#else
    return stringToQualifiedNameList(name);
#endif
}
