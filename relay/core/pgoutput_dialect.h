// The stream of pgoutput, the output plugin that every server has, for servers that take no library. pgoutput sends binary messages, one to
// a CopyData. The dialect reads a transaction's begin, its logical messages and its commit. Pure. Tested by
// test/unit/pgoutput_dialect_test.cpp, test/fuzz/pgoutput_fuzz.cpp, test/t/100_pgoutput.t. Source: "Logical Replication Message Formats" of
// PostgreSQL's documentation.
//
// pgoutput passes on messages that anybody wrote, so the dialect runs the guard against forged messages, and leaves out what the
// extension's plugin leaves out: messages with other prefixes, messages outside a transaction, topics that are not asked for, rows that a
// publication brings. So an event has the same ordinal with both plugins.
#pragma once

#include "core/dialect.h"
#include "core/topic_filter.h"

namespace outbox {

class PgoutputDialect : public Dialect {
public:
    static constexpr const char *publication = "outbox"; // an empty publication: pgoutput requires one

    // `topics`: the names as in the plugin option `topics`, validated; empty: all. `event_max`: the database's outbox.max_event_bytes in
    // bytes, 0 where the database has none: see guard_reject().
    explicit PgoutputDialect(std::string_view topics = {}, size_t event_max = 0);

    std::string options() const override;
    std::string writer() const override { return "pgoutput on the server"; }
    bool has_converted_texts() const override { return true; } // the prefixes of messages, the names of tables
    Item *next(std::string_view &bytes) override;

private:
    void begin(std::string_view message);
    Item *read_message(std::string_view message);
    Item *commit(std::string_view message);
    Item *in_transaction(Item &item);

    TopicFilter topics_;
    size_t head_max_;
    Begin begin_;            // of the open transaction, or of the last one
    Lsn commit_start_{};     // the start of the open transaction's commit record
    bool is_open_ = false;   // a transaction is open
    bool is_told_ = false;   // next() has returned the transaction's Begin
    bool has_item_ = false;  // next() has returned the Begin that item_ needs, and returns item_ next
    uint64_t events_ = 0;    // of the open transaction
    Item begin_item_, item_; // views into the bytes that next() was given
};

// The bytes of outbox.max_event_bytes as current_setting() writes the setting: "900kB". 0 where the text is no such number.
size_t parse_event_max(std::string_view setting);

} // namespace outbox
