// The stream of the extension's own output plugin: lines of JSON, several to a CopyData. Pure. Tested by test/unit/plugin_dialect_test.cpp,
// test/fuzz/line_fuzz.cpp. outbox_ext/plugin.cpp is the writing side, and has the order of the lines.
#pragma once

#include "core/dialect.h"

namespace outbox {

enum class LineKind { begin, envelope, rejected, commit, ahead };

// Each throws FormatError. parse_event() reads an envelope.
LineKind kind_of(std::string_view line);
Begin parse_begin(std::string_view line);
Commit parse_commit(std::string_view line);
Rejected parse_rejected(std::string_view line);
Ahead parse_ahead(std::string_view line);

class PluginDialect : public Dialect {
public:
    // `topics`: the value of the plugin option `topics`, validated; empty: all.
    explicit PluginDialect(std::string topics = {}) : topics_(std::move(topics)) {}

    std::string options() const override;
    std::string writer() const override { return "the extension on the server"; }
    bool asks_otherwise() override;
    Item *next(std::string_view &bytes) override;

private:
    std::string topics_;
    bool is_1_0_ = false; // the plugin is of 1.0
    Item item_;
};

} // namespace outbox
