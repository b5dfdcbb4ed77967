// An output plugin that does nothing: the floor of what a slot costs the server, whatever its plugin is. test/bench/case/slots.pm measures
// it.
#include "outbox_ext/pg.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

namespace {

void begin(LogicalDecodingContext *, ReorderBufferTXN *) {}
void change(LogicalDecodingContext *, ReorderBufferTXN *, Relation, ReorderBufferChange *) {}
void commit(LogicalDecodingContext *, ReorderBufferTXN *, XLogRecPtr) {}

} // namespace

void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    callbacks->begin_cb = begin;
    callbacks->change_cb = change;
    callbacks->commit_cb = commit;
}
