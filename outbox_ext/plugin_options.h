// The options that a reader gives the plugin when it starts the slot. Tested by sql/plugin_options.sql.
#pragma once

#include "contract/rules.h"
#include "pg.h"

struct TopicPattern { // a topic's name, or the beginning of one
    Text text;
    bool is_prefix;
};

struct PluginOptions {
    int batch_bytes; // lines of a transaction share a CopyData up to this size; 0: each line has one of its own
    bool gather;     // transactions share a CopyData, too: see gather.h
    TopicPattern *topics;
    int topic_count; // 0: all topics
};

constexpr int batch_bytes_max = 16 * 1024 * 1024;
constexpr int topic_patterns_max = 1000;

// Raises an error that names the option where an option is unknown or its value malformed. The result lives in `context`.
PluginOptions plugin_options_parse(MemoryContext context, List *options);

bool plugin_options_want(const PluginOptions *options, Text topic);
