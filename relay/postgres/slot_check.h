// What the catalog says of one replication slot, and who makes a slot that is unfinished: its maker waits for every transaction that was
// open when it began, and until the slot is made no event can be emitted. Tested by test/t/013_setup.t and
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
    bool is_unfinished = false; // somebody makes it, or did
    std::string holder;         // the process that has it; empty: none
};

// nullopt: there is no slot of this name.
std::optional<SlotState> look_at_slot(Server &server, const std::string &slot);

// Why no relay of this database that expects the output plugin can read from a slot. An unfinished slot is none of these.
struct Unusable {
    ExitCode code;
    std::string sentence;
    std::string way_out;   // for setup's message, from its punctuation on
    std::string statement; // that makes room for another slot of this name; empty: another name is the way out
};
std::optional<Unusable> why_unusable(const std::string &slot, const SlotState &state, const std::string &plugin = "outbox");

// Throws Failure with the sentence and the way out.
void require_usable(const std::string &slot, const SlotState &state, const std::string &plugin = "outbox");

// A session or a prepared transaction, in the words of pg_stat_activity and pg_prepared_xacts.
struct Party {
    std::string process; // empty: a prepared transaction
    std::string prepared;
    std::string user, database, application, state;
    std::optional<long> age_s; // of the transaction; nullopt: this role may not see it

    std::string described() const;
    std::string ended_by() const; // the statement that ends it
};

// Who makes a slot, and the transactions that its maker waits for, the one of this moment first.
struct Making {
    std::optional<Party> maker;
    std::vector<Party> waits_for;

    std::string waits_for_text() const; // some of them at most
};

Making look_at_making(Server &server, const std::string &maker_process);

// Why `slot` cannot be used yet, and what ends that.
std::string unfinished_text(const std::string &slot, const Making &making);

// "12 s", "3 min", "5 h", "2 d"
std::string age_text(long seconds);

} // namespace outbox
