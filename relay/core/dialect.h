// The language of one output plugin: the options that START_REPLICATION passes to the plugin, and the items that its bytes stand for. A
// dialect is passive and knows neither libpq nor a clock. Implemented by plugin_dialect.h for the outbox extension's plugin, and by
// pgoutput_dialect.h for the plugin that every server has.
#pragma once

#include "core/item.h"

#include <string>
#include <string_view>

namespace outbox {

class Dialect {
public:
    virtual ~Dialect() = default;

    // The writer of the stream, for messages: "the extension on the server".
    virtual std::string writer() const = 0;

    // The plugin's options in START_REPLICATION, as they stand between the parentheses.
    virtual std::string options() const = 0;

    // True where the server would convert texts of the stream to the client's encoding, such as names that others have chosen.
    virtual bool has_converted_texts() const { return false; }

    // Called when the plugin has refused the options. True where the dialect knows other options, which options() returns from now on.
    virtual bool asks_otherwise() { return false; }

    // Takes the next item off the bytes of a CopyData. Null: no item is left, and `bytes` is empty. The item is good until the next call;
    // its views are good for as long as the bytes. Throws FormatError.
    virtual Item *next(std::string_view &bytes) = 0;
};

} // namespace outbox
