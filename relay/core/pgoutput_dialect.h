// The stream of pgoutput, the output plugin that every server has: binary messages, one to a CopyData, of which a transaction's begin, its
// logical messages and its commit count. For servers that take no library. Pure. Tested by test/unit/pgoutput_dialect_test.cpp,
// test/fuzz/pgoutput_fuzz.cpp, test/t/100_pgoutput.t. Source: "Logical Replication Message Formats" of PostgreSQL's documentation.
//
// pgoutput passes on what anybody wrote, so the guard against forged messages runs here, and what the extension's plugin leaves out is left
// out here: messages of other prefixes, messages outside a transaction, topics that are not asked for, rows that a publication brings.
// Of all these nothing is kept. Events so have the same ordinals as with the extension's plugin.
#pragma once

#include "core/dialect.h"
#include "core/topic_filter.h"

namespace outbox {

class PgoutputDialect : public Dialect {
public:
    static constexpr const char *publication = "outbox"; // empty: pgoutput cannot do without one

    // `topics`: as the option of the extension's plugin, validated; empty: all. `event_max`: the database's outbox.max_event_bytes, 0 where
    // it has none: see guard_reject().
    explicit PgoutputDialect(std::string_view topics = {}, size_t event_max = 0);

    std::string options() const override;
    std::string writer() const override { return "pgoutput on the server"; }
    bool has_converted_texts() const override { return true; } // the prefixes of messages, names of tables
    Item *next(std::string_view &bytes) override;

private:
    void begin(std::string_view message);
    Item *read_message(std::string_view message);
    Item *commit(std::string_view message);
    Item *in_transaction(Item &item);

    TopicFilter topics_;
    size_t head_max_;
    Begin begin_;            // of the transaction that is open, or of the last one
    Lsn commit_start_{};     // of its commit record
    bool is_open_ = false;   // the transaction
    bool is_told_ = false;   // next() has given its begin
    bool has_item_ = false;  // next() has given the begin for the sake of item_, and gives item_ next
    uint64_t events_ = 0;    // of it
    Item begin_item_, item_; // views into the bytes that next() was given
};

// What outbox.max_event_bytes says, as current_setting() gives it: "900kB". 0 where the text is no such number.
size_t parse_event_max(std::string_view setting);

} // namespace outbox
