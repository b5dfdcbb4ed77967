// The catalog's facts about one replication slot, and about the session that makes a slot: the maker waits for every transaction that was
// open when the making began, and until the slot is made no event can be emitted. Tested by test/t/013_setup.t and
// test/t/073_setup_waits.t.
#pragma once

#include "postgres/server.h"

#include <optional>
#include <string>
#include <vector>

namespace outbox {

struct SlotState {
    std::string plugin; // empty: a physical slot
    std::string database;
    bool is_of_this_database = false;
    bool is_temporary = false;
    bool is_lost = false;       // invalidated
    bool is_unfinished = false; // a session makes the slot, or did and was ended
    std::string holder;         // the process that has the slot; empty: none
};

// The error of a command that needs the slot and finds none of this name.
std::string missing_slot_text(const std::string &slot);

// nullopt: there is no slot of this name.
std::optional<SlotState> look_at_slot(Server &server, const std::string &slot);

// Why no relay of this database that reads the output plugin can read the slot. An unfinished slot is not among the reasons.
struct Unusable {
    ExitCode code;
    std::string sentence;
    std::string way_out;   // continues the sentence of setup's message, with its punctuation
    std::string statement; // makes room for another slot of this name; empty: another name is the way out
};
std::optional<Unusable> why_unusable(const std::string &slot, const SlotState &state, const std::string &plugin = "outbox");

// Throws Failure with the sentence and the way out.
void require_usable(const std::string &slot, const SlotState &state, const std::string &plugin = "outbox");

// A session or a prepared transaction, as pg_stat_activity and pg_prepared_xacts describe it.
struct Party {
    std::string process; // empty: a prepared transaction
    std::string prepared;
    std::string user, database, application, state;
    std::optional<long> age_s; // of the transaction; nullopt: this role may not see the age

    std::string described() const;
    std::string ended_by() const; // the statement that ends the session or transaction
};

// The session that makes a slot, and the transactions that the session waits for, the present one first.
struct Making {
    std::optional<Party> maker;
    std::vector<Party> waits_for;

    std::string waits_for_text() const; // names a few of them at most
};

Making look_at_making(Server &server, const std::string &maker_process);

// Why `slot` cannot be used yet, and the statement that ends the wait.
std::string unfinished_text(const std::string &slot, const Making &making);

// "12 s", "3 min", "5 h", "2 d"
std::string age_text(long seconds);

} // namespace outbox
