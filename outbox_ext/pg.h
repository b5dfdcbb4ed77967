// The only door to the server's headers, and the only place that knows how PostgreSQL 14 to 19 differ.
#pragma once

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"   // ilist.h, bufpage.h
#pragma GCC diagnostic ignored "-Wregister"           // before 16
#pragma GCC diagnostic ignored "-Wignored-attributes" // clang: the format attributes are those of the compiler that built the server
#include "postgres.h"

// What libpq.h and pg_locale.h bring of TLS, Kerberos and ICU needs the headers of those libraries; the extension uses none of it.
#undef ENABLE_GSS
#undef ENABLE_SSPI
#undef USE_ICU
#undef USE_OPENSSL
#undef USE_SSL
#include "libpq/libpq.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
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
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
extern PGDLLIMPORT char *locale_monetary; // of utils/pg_locale.h, which needs the headers of ICU up to 18
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

// Can the WAL up to here be read at once? On a standby, where others decide that: never.
static inline bool outbox_wal_is_at_hand(XLogRecPtr end) {
#if PG_VERSION_NUM >= 150000
    return !RecoveryInProgress() && GetFlushRecPtr(nullptr) >= end;
#else
    return !RecoveryInProgress() && GetFlushRecPtr() >= end;
#endif
}

// The walsender's page reader may be replaced; the SQL functions bring their own, also over a replication connection.
static inline bool outbox_reads_for_walsender(const LogicalDecodingContext *ctx) {
    return MyWalSnd != nullptr && ctx->reader->routine.page_read != read_local_xlog_page;
}

// A slot of 17 and later whose events standbys must have before its reader gets them, once synchronized_standby_slots names some.
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

// At a commit: its position and time, for the lag columns of pg_stat_replication. Before: a sign of life.
static inline void outbox_update_progress(LogicalDecodingContext *ctx) {
#if PG_VERSION_NUM < 150000
    OutputPluginUpdateProgress(ctx);
#else
    OutputPluginUpdateProgress(ctx, false);
#endif
}

// From 16 on the server itself keeps the client awake while a plugin writes nothing.
static inline void outbox_keep_awake([[maybe_unused]] LogicalDecodingContext *ctx) {
#if PG_VERSION_NUM < 160000
    outbox_update_progress(ctx);
#endif
}

// May the current user execute this function?
static inline bool outbox_may_execute(Oid function) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#else
    return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#endif
}
