// The output plugin without its filter: the server queues what others write. What the filter is worth is measured by
// test/bench/case/interference.pm.
#define _PG_output_plugin_init filtering_plugin_init
#include "outbox_ext/plugin.cpp"
#undef _PG_output_plugin_init

extern "C" {
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    filtering_plugin_init(callbacks);
    callbacks->filter_by_origin_cb = nullptr;
}
