// What a reader may ask of the plugin when it starts the slot. Tested by sql/plugin_options.sql.
#pragma once

#include "contract/rules.h"
#include "pg.h"

struct TopicPattern { // a topic's name, or the beginning of it
    Text text;
    bool is_prefix;
};

struct PluginOptions {
    int batch_bytes; // lines of a transaction are gathered up to this size; 0: a line each
    bool gather;     // so are transactions, while there is WAL to read: see gather.h
    TopicPattern *topics;
    int topic_count; // 0: all topics
};

constexpr int batch_bytes_max = 16 * 1024 * 1024;
constexpr int topic_patterns_max = 1000;

// An unknown option or a value that is not of its form is an error that names it. Lives in `context`.
PluginOptions plugin_options_parse(MemoryContext context, List *options);

bool plugin_options_want(const PluginOptions *options, Text topic);
