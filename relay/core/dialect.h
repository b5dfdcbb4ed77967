// How an output plugin is asked for its stream, and what its bytes mean. A dialect is passive and knows neither libpq nor a clock.
// Implemented by plugin_dialect.h, for the plugin of the outbox extension, and by pgoutput_dialect.h, for the one that every server has.
#pragma once

#include "core/item.h"

#include <string>
#include <string_view>

namespace outbox {

class Dialect {
public:
    virtual ~Dialect() = default;

    // Who writes the stream: "the extension on the server".
    virtual std::string writer() const = 0;

    // The plugin's options in START_REPLICATION: what stands between the parentheses.
    virtual std::string options() const = 0;

    // Whether the stream has texts that the server would convert for its client, such as names that others have chosen.
    virtual bool has_converted_texts() const { return false; }

    // The plugin has refused the options. True where the dialect knows others, which options() gives from now on.
    virtual bool asks_otherwise() { return false; }

    // Takes the next item off the bytes of a CopyData; null: there is none left in them, and `bytes` is empty. The item is good until the
    // next call, its views are good for as long as the bytes. Throws FormatError.
    virtual Item *next(std::string_view &bytes) = 0;
};

} // namespace outbox
