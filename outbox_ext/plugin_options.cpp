#include "plugin_options.h"

#include <cstring>

namespace {

[[noreturn]] void refuse_value(const char *name, const char *expected) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for option \"%s\" of output plugin \"outbox\"", name),
                    errhint("%s", expected)));
    pg_unreachable();
}

void set_version(PluginOptions *, const char *value) {
    if (strcmp(value, "1") != 0)
        refuse_value("version", "The version of the stream must be 1.");
}

void set_batch_bytes(PluginOptions *options, const char *value) {
    int bytes = 0;
    bool valid = *value != '\0';
    for (const char *p = value; *p != '\0' && valid; p++) {
        valid = *p >= '0' && *p <= '9';
        bytes = bytes * 10 + (*p - '0');
        valid = valid && bytes <= batch_bytes_max;
    }
    if (!valid)
        refuse_value("batch_bytes", "Expected a number of bytes from 0 to 16777216.");
    options->batch_bytes = bytes;
}

// pg_recvlogical and other readers confirm the position of a keepalive. Such a reader would lose the transactions that the plugin holds
// back, so the plugin gathers only where the value "ahead" says that the reader knows the line {"ahead":…}. The relay of 1.0 asks with
// "on"; that relay must go on working, and gets the same lines one transaction at a time.
void set_gather(PluginOptions *options, const char *value) {
    bool is_on;
    options->gather = strcmp(value, "ahead") == 0;
    if (options->gather)
        return;
    if (!parse_bool(value, &is_on))
        refuse_value("gather", "Expected \"ahead\" or \"off\".");
    if (is_on)
        ereport(WARNING, (errmsg("option \"gather\" of output plugin \"outbox\" is ignored without the value \"ahead\""),
                          errdetail("Events are sent one transaction at a time."),
                          errhint("The relay of this version asks for \"ahead\". Any other reader does without.")));
}

void set_topics(PluginOptions *options, const char *value) {
    constexpr const char *expected = "Expected topic names separated by commas, each with an optional \"*\" at its end.";
    int count = 1;
    for (const char *p = value; *p != '\0'; p++)
        count += *p == ',';
    if (count > topic_patterns_max)
        refuse_value("topics", "Expected at most 1000 topic names.");
    options->topics = static_cast<TopicPattern *>(palloc(sizeof(TopicPattern) * count));
    options->topic_count = 0;

    for (const char *start = pstrdup(value), *end; start != nullptr; start = *end == ',' ? end + 1 : nullptr) {
        end = start + strcspn(start, ",");
        const char *first = start, *last = end;
        while (first < last && *first == ' ')
            first++;
        while (last > first && last[-1] == ' ')
            last--;
        TopicPattern pattern = {{first, static_cast<size_t>(last - first)}, last > first && last[-1] == '*'};
        pattern.text.size -= pattern.is_prefix;
        // Three prefixes are no topic's name: "." and "..", with which names begin, and the empty one, with which all do.
        bool begins_any = pattern.is_prefix && strspn(first, ".") == pattern.text.size && pattern.text.size <= 2;
        if (!begins_any && !envelope_topic_is_valid(pattern.text))
            refuse_value("topics", expected);
        options->topics[options->topic_count++] = pattern;
    }
}

struct Option {
    const char *name;
    void (*set)(PluginOptions *options, const char *value);
};

constexpr Option known_options[] = {
    {"version", set_version}, {"batch_bytes", set_batch_bytes}, {"gather", set_gather}, {"topics", set_topics}};

void set_option(PluginOptions *options, const DefElem *given, bool *is_set) {
    for (const Option &option : known_options) {
        if (strcmp(given->defname, option.name) != 0)
            continue;
        bool *is_this_set = &is_set[&option - known_options];
        if (*is_this_set)
            ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("conflicting or redundant options"),
                            errhint("Give option \"%s\" of output plugin \"outbox\" once.", option.name)));
        *is_this_set = true;
        if (given->arg == nullptr)
            refuse_value(option.name, "The option needs a value.");
        return option.set(options, strVal(given->arg));
    }
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unrecognized option \"%s\" of output plugin \"outbox\"", given->defname),
             errhint("The options are \"version\", \"batch_bytes\", \"gather\" and \"topics\".")));
}

} // namespace

PluginOptions plugin_options_parse(MemoryContext context, List *given) {
    PluginOptions options = {};
    bool is_set[lengthof(known_options)] = {};
    MemoryContext previous = MemoryContextSwitchTo(context);
    ListCell *cell;
    foreach (cell, given)
        set_option(&options, static_cast<const DefElem *>(lfirst(cell)), is_set);
    MemoryContextSwitchTo(previous);
    return options;
}

bool plugin_options_want(const PluginOptions *options, Text topic) {
    for (int i = 0; i < options->topic_count; i++) {
        Text wanted = options->topics[i].text;
        bool fits = options->topics[i].is_prefix ? topic.size >= wanted.size : topic.size == wanted.size;
        if (fits && memcmp(topic.data, wanted.data, wanted.size) == 0)
            return true;
    }
    return options->topic_count == 0;
}
