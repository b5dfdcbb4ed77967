// The output plugin without its filter, so the server queues row changes and other programs' messages. test/bench/case/interference.pm
// measures the difference.
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
