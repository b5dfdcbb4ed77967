#include "command/tail.h"

#include "base/exit_code.h"
#include "base/log.h"
#include "core/pgoutput_dialect.h"
#include "core/plugin_dialect.h"
#include "core/pretty.h"
#include "postgres/prerequisites.h"
#include "postgres/slot_check.h"

#include <unistd.h>

#include <iostream>

namespace outbox {
namespace {

constexpr int piece_changes = 1000; // and the rest of the transaction in which they end
constexpr auto look_interval = std::chrono::milliseconds(200);

class Tail {
public:
    Tail(const TailCommand &command, Signals &signals) : command_(command), signals_(signals), server_(command.login, signals) {}

    int run() {
        copy_slot();
        std::string piece = std::string("SELECT data FROM pg_catalog.pg_logical_slot_get_") + (pgoutput_ ? "binary_" : "") + "changes(" +
                            quote_literal(copy_) + ", NULL, " + std::to_string(piece_changes) +
                            (pgoutput_ ? ", 'proto_version', '1', 'publication_names', 'outbox', 'messages', 'true')" : ")");
        try {
            while (!is_done()) {
                bool was_empty = true;
                server_.for_each_row(piece, [&](std::string_view line) {
                    was_empty = false;
                    take(line);
                    return !is_done();
                });
                std::cout << std::flush;
                if (!std::cout)
                    return 0; // the reader of the output has gone
                if (was_empty && !is_done())
                    signals_.pause(look_interval);
            }
        } catch (const Interrupted &) { // a signal is the usual end
        }
        std::cout << std::flush;
        return 0;
    }

private:
    bool is_done() const { return (command_.limit > 0 && shown_ >= command_.limit) || !std::cout; }

    // Copies the slot, from its confirmed position or from now. The copy's reading takes nothing from the relay.
    void copy_slot() {
        if (server_.is_true("SELECT pg_catalog.pg_is_in_recovery()"))
            throw Failure(ExitCode::not_prepared, standby_text);
        std::optional<SlotState> slot = look_at_slot(server_, command_.slot);
        if (!slot)
            throw Failure(ExitCode::slot_unusable, missing_slot_text(command_.slot));
        if (slot->plugin == "pgoutput")
            pgoutput_.emplace();
        require_usable(command_.slot, *slot, pgoutput_ ? "pgoutput" : "outbox");
        copy_ = "outbox_tail_" + std::to_string(server_.process());
        try {
            server_.query("SELECT pg_catalog.pg_copy_logical_replication_slot(" + quote_literal(command_.slot) + ", " +
                          quote_literal(copy_) + ", true)");
            if (!command_.since_confirmed)
                server_.query("SELECT pg_catalog.pg_replication_slot_advance(" + quote_literal(copy_) +
                              ", pg_catalog.pg_current_wal_flush_lsn())");
        } catch (const QueryRefused &refused) {
            if (refused.sqlstate() == "53400") // configuration_limit_exceeded
                throw Failure(ExitCode::not_prepared, "tail reads from a copy of the slot, and all max_replication_slots are in use: raise "
                                                      "max_replication_slots, or drop a slot that nobody needs");
            throw;
        }
    }

    void take(std::string_view row) {
        if (!pgoutput_)
            return take_line(row);
        std::string message = bytes_of(row);
        std::string_view left = message;
        while (Item *item = pgoutput_->next(left)) {
            if (auto *begin = std::get_if<Begin>(item))
                transaction_ = *begin;
            else if (auto *event = std::get_if<Event>(item))
                show(*event);
        }
    }

    // The bytes of the server's text for bytea: "\x00ff".
    static std::string bytes_of(std::string_view text) {
        auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
        std::string bytes;
        bytes.reserve(text.size() / 2);
        for (size_t i = 2; i + 1 < text.size(); i += 2)
            bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
        return bytes;
    }

    void take_line(std::string_view line) {
        switch (kind_of(line)) {
        case LineKind::begin: transaction_ = parse_begin(line); return;
        case LineKind::envelope: return show(parse_event(line));
        default: return;
        }
    }

    void show(const Event &event) {
        if (!fits(event.topic) || seen_++ % command_.sample != 0)
            return;
        shown_++;
        text_.clear();
        if (command_.json)
            text_.append(event.line);
        else
            append_pretty(transaction_, event, text_, scratch_);
        std::cout << text_ << '\n';
    }

    // True for a topic that --topics names, in full or by its beginning and "*".
    bool fits(std::string_view topic) const {
        if (command_.topics.empty())
            return true;
        for (std::string_view left = command_.topics; !left.empty();) {
            size_t comma = std::min(left.find(','), left.size());
            std::string_view name = left.substr(0, comma);
            left.remove_prefix(std::min(comma + 1, left.size()));
            if (name.ends_with('*') ? topic.starts_with(name.substr(0, name.size() - 1)) : topic == name)
                return true;
        }
        return false;
    }

    const TailCommand &command_;
    Signals &signals_;
    Server server_;
    std::optional<PgoutputDialect> pgoutput_; // set where the slot is of pgoutput
    Begin transaction_;                       // the transaction whose events come
    std::string copy_, text_, scratch_;
    uint64_t seen_ = 0, shown_ = 0;
};

} // namespace

int tail(const TailCommand &command, Signals &signals) { return Tail(command, signals).run(); }

} // namespace outbox
