#include "command/drain.h"

#include "base/exit_code.h"
#include "base/log.h"
#include "core/wire.h"
#include "postgres/prerequisites.h"
#include "postgres/slot_check.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <iostream>

namespace outbox {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto look_interval = std::chrono::milliseconds(200);
constexpr auto say_interval = std::chrono::seconds(5);

// The end of the last WAL record. The insert position can stand behind the header of a page without a record, where no confirmation ever
// comes: the end of the page before is the record's end.
constexpr uint64_t page_bytes = 8192, page_header_max = 40;
Lsn end_of_records(Lsn insert) {
    uint64_t bytes = static_cast<uint64_t>(insert), in_page = bytes % page_bytes;
    return in_page <= page_header_max ? Lsn{bytes - in_page} : insert;
}

class Drain {
public:
    Drain(const DrainCommand &command, Signals &signals) : command_(command), signals_(signals), server_(command.login, signals) {}

    int run() {
        if (server_.is_true("SELECT pg_catalog.pg_is_in_recovery()"))
            throw Failure(ExitCode::not_prepared, standby_text);
        look();
        target_ = command_.until ? *command_.until
                                 : end_of_records(parse_lsn(server_.value("SELECT pg_catalog.pg_current_wal_insert_lsn()")).value());
        for (; confirmed_ < target_; look()) {
            if (command_.timeout.count() > 0 && Clock::now() - start_ >= command_.timeout)
                return end(ExitCode::not_drained);
            say();
            signals_.pause(look_interval);
        }
        return end(ExitCode::ok);
    }

private:
    void look() {
        std::optional<SlotState> slot = look_at_slot(server_, command_.slot);
        if (!slot)
            throw Failure(ExitCode::slot_unusable, missing_slot_text(command_.slot));
        require_usable(command_.slot, *slot, slot->plugin == "pgoutput" ? "pgoutput" : "outbox");
        auto rows = server_.rows("SELECT confirmed_flush_lsn, active_pid FROM pg_catalog.pg_replication_slots"
                                 " WHERE slot_name OPERATOR(pg_catalog.=) " +
                                 quote_literal(command_.slot));
        if (rows.size() != 1)
            return;
        confirmed_ = std::max(confirmed_, parse_lsn(rows[0][0]).value_or(Lsn{}));
        holder_ = rows[0][1];
    }

    uint64_t left_bytes() const { return static_cast<uint64_t>(target_) - static_cast<uint64_t>(confirmed_); }

    std::string waits_for() const {
        std::string who = holder_.empty() ? "no relay reads from slot \"" + command_.slot + "\""
                                          : "the relay, PID " + holder_ + ", has not confirmed them";
        return fmt::format("{} bytes of WAL before {} are not delivered: {}", left_bytes(), format_lsn(target_), who);
    }

    void say() {
        if (Clock::now() < said_at_ + say_interval)
            return;
        said_at_ = Clock::now();
        spdlog::info("{}", waits_for());
    }

    int end(ExitCode code) const {
        bool is_drained = code == ExitCode::ok;
        if (command_.json) {
            rapidjson::StringBuffer buffer;
            rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
            json.StartObject();
            json.Key("drained");
            json.Bool(is_drained);
            json.Key("until_lsn");
            json.String(format_lsn(target_).c_str());
            json.Key("confirmed_lsn");
            json.String(format_lsn(confirmed_).c_str());
            json.Key("left_bytes");
            json.Uint64(is_drained ? 0 : left_bytes());
            json.Key("took_seconds");
            json.Double(std::chrono::duration<double>(Clock::now() - start_).count());
            json.EndObject();
            std::cout << buffer.GetString() << std::endl;
        } else if (is_drained) {
            std::cout << "everything before " << format_lsn(target_) << " is delivered" << std::endl;
        }
        if (!is_drained)
            spdlog::error("the timeout is over; {}", waits_for());
        return static_cast<int>(code);
    }

    const DrainCommand &command_;
    Signals &signals_;
    Server server_;
    Lsn target_{}, confirmed_{};
    std::string holder_;
    Clock::time_point start_ = Clock::now(), said_at_{};
};

} // namespace

int drain(const DrainCommand &command, Signals &signals) { return Drain(command, signals).run(); }

} // namespace outbox
