// The plugin's state while a reader reads a slot: ctx->output_plugin_private.
#pragma once

#include "gather.h"
#include "lines.h"
#include "plugin_options.h"

struct Plugin {
    PluginOptions options;
    Lines lines;
    Gathering gather;
    bool has_begun; // this transaction's begin line is written
    uint64 events;  // of this transaction
    int skipped;    // messages that were no events, since the plugin last kept the reader awake
};

static inline Plugin *plugin_of(LogicalDecodingContext *ctx) { return static_cast<Plugin *>(ctx->output_plugin_private); }
