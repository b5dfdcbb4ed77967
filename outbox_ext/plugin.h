// What the plugin remembers of a slot that is being read: ctx->output_plugin_private.
#pragma once

#include "gather.h"
#include "lines.h"
#include "plugin_options.h"

struct Plugin {
    PluginOptions options;
    Lines lines;
    Gathering gather;
    bool begun; // this transaction's begin line is written
    uint64 events;
    int skipped; // messages since the last sign of life
};

static inline Plugin *plugin_of(LogicalDecodingContext *ctx) { return static_cast<Plugin *>(ctx->output_plugin_private); }
