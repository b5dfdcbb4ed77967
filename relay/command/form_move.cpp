#include "command/form_move.h"

#include "base/exit_code.h"
#include "command/form_obstacles.h"
#include "command/hosted_setup.h"
#include "command/hosted_sql.h"
#include "postgres/replication_trial.h"

namespace outbox {
namespace {

constexpr auto look_interval = std::chrono::milliseconds(200);
// For the relay, until its slot needs no catalog from before the publication. The slot's catalog_xmin advances where the relay confirms a
// record of the running transactions, which the server writes every 15 to 25 s, and goes as far as the record before it where a transaction
// is open meanwhile: on a busy server that takes three of them.
constexpr auto patience = std::chrono::seconds(180);
constexpr const char *moved_suffix = "_being_moved";

constexpr const char *extension_sql = "SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'";
constexpr const char *comment = "what outbox-relay reads: messages alone, no table";
constexpr const char *comment_sql =
    "SELECT d.xmin FROM pg_catalog.pg_description AS d JOIN pg_catalog.pg_publication AS p ON p.oid OPERATOR(pg_catalog.=) d.objoid WHERE"
    " d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_publication'::pg_catalog.regclass AND p.pubname OPERATOR(pg_catalog.=) 'outbox' AND"
    " d.description OPERATOR(pg_catalog.=) 'what outbox-relay reads: messages alone, no table'";
constexpr const char *here_sql = " database OPERATOR(pg_catalog.=) pg_catalog.current_database() AND NOT temporary";

std::string name_is(const std::string &slot) { return "slot_name OPERATOR(pg_catalog.=) " + quote_literal(slot); }

std::string drop_slot(const std::string &slot) { return "SELECT pg_catalog.pg_drop_replication_slot(" + quote_literal(slot) + ")"; }

std::string copy_slot(const std::string &from, const std::string &to, const std::string &plugin) {
    return "SELECT pg_catalog.pg_copy_logical_replication_slot(" + quote_literal(from) + ", " + quote_literal(to) + ", false, " +
           quote_literal(plugin) + ")";
}

// One database's move to the form of `plugin`, in the order of run().
class Move {
public:
    Move(const Steps &steps, const std::string &plugin)
        : steps_(steps), server_(steps.server()), plugin_(plugin), is_to_hosted_(plugin == "pgoutput") {}

    void run() {
        if (has_other_form()) {
            std::vector<std::string> slots = other_slots();
            require_rights(server_, is_to_hosted_);
            require_names(slots, moved_suffix, is_to_hosted_);
            require_nothing_depends(server_);
            if (is_to_hosted_) {
                require_callers_may_write(server_);
                prepare_publication(slots);
            }
            for (const std::string &slot : slots)
                require_unread(slot);
            for (const std::string &slot : slots)
                copy_aside(slot);
            try {
                change_form(slots);
            } catch (const QueryRefused &) {
                give_up(slots);
                throw;
            }
            if (steps_.dry_run()) // without the copies there is nothing to do below
                for (const std::string &slot : slots)
                    take_back(slot);
        }
        for (const std::string &slot : moved_slots())
            take_back(slot);
        for (const std::string &aside : left_copies())
            steps_.change("dropped slot \"" + aside + "\", of an earlier setup that was interrupted", {drop_slot(aside)});
    }

    // Copies of a move to the other form that ended before the form was changed. Such a copy would keep WAL for ever.
    std::vector<std::string> left_copies() {
        std::vector<std::string> slots;
        if (!has_other_form())
            for (const Server::Row &row :
                 server_.rows("SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE" + std::string(here_sql) +
                              " AND plugin OPERATOR(pg_catalog.=) " + quote_literal(other()) +
                              " AND slot_name::pg_catalog.text OPERATOR(pg_catalog.~) '" + moved_suffix + "$'"))
                slots.push_back(row[0]);
        return slots;
    }

    bool has_other_form() { return is_to_hosted_ ? !server_.value(extension_sql).empty() : has_hosted_form(server_); }

    // The names, without the suffix, of slots whose copies wait to take their place.
    std::vector<std::string> moved_slots() {
        std::vector<std::string> slots;
        for (const Server::Row &row :
             server_.rows("SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE" + std::string(here_sql) +
                          " AND plugin OPERATOR(pg_catalog.=) " + quote_literal(plugin_) +
                          " AND slot_name::pg_catalog.text OPERATOR(pg_catalog.~) '" + moved_suffix + "$' ORDER BY 1"))
            slots.push_back(row[0].substr(0, row[0].size() - std::char_traits<char>::length(moved_suffix)));
        return slots;
    }

private:
    std::string other() const { return is_to_hosted_ ? "outbox" : "pgoutput"; }

    std::vector<std::string> other_slots() {
        std::string which =
            is_to_hosted_ ? ""
                          : " AND slot_name OPERATOR(pg_catalog.=) ANY ((SELECT s.slots FROM outbox.settings AS s)::pg_catalog.name[])";
        std::vector<std::string> slots;
        for (const Server::Row &row : server_.rows("SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE" + std::string(here_sql) +
                                                   " AND plugin OPERATOR(pg_catalog.=) " + quote_literal(other()) + which + " ORDER BY 1"))
            slots.push_back(row[0]);
        return slots;
    }

    // pgoutput looks up the publication as it was when a row was written, and fails where the publication did not exist then. So each slot,
    // still with its present plugin, has to get beyond the transactions that were open when the publication was created.
    void prepare_publication(const std::vector<std::string> &slots) {
        if (server_.value("SELECT 1 FROM pg_catalog.pg_publication WHERE pubname OPERATOR(pg_catalog.=) 'outbox'").empty())
            steps_.change("created the empty publication \"outbox\"", {"CREATE PUBLICATION outbox"});
        // The comment's transaction begins after the publication's has ended: a younger transaction sees the publication from its first row
        // on.
        if (server_.value(comment_sql).empty())
            steps_.change("noted in the publication's comment since when the publication exists",
                          {"COMMENT ON PUBLICATION outbox IS '" + std::string(comment) + "'"});
        if (steps_.dry_run())
            return steps_.say("the move goes on when each slot's catalog_xmin is younger than the transaction that wrote the comment: a "
                              "running relay advances the slot");
        auto until = std::chrono::steady_clock::now() + patience;
        for (const std::string &slot : slots) {
            bool is_told = false;
            while (!sees_publication(slot)) {
                if (std::chrono::steady_clock::now() >= until || holder(slot).empty())
                    throw Failure(
                        ExitCode::not_prepared,
                        "slot \"" + slot +
                            "\" still reads WAL from before the publication \"outbox\" was created, which pgoutput cannot decode: let the "
                            "slot's relay run, and run setup again beside the relay, as soon as older transactions have ended");
                if (!is_told)
                    steps_.say("waiting until the relay has got beyond the publication in slot \"" + slot + "\"");
                is_told = true;
                nudge();
                server_.signals().pause(look_interval);
            }
        }
    }

    bool sees_publication(const std::string &slot) {
        std::string since = server_.value(comment_sql);
        return server_.is_true("SELECT pg_catalog.age(catalog_xmin) OPERATOR(pg_catalog.<) pg_catalog.age(" + quote_literal(since) +
                               "::pg_catalog.xid) FROM pg_catalog.pg_replication_slots WHERE " + name_is(slot));
    }

    // Helps catalog_xmin to advance, for which a relay needs something to confirm: begins and ends a transaction, and writes a record of
    // the running transactions, which the server itself writes every 15 s.
    void nudge() {
        try {
            server_.query("SELECT pg_catalog.pg_current_xact_id()");
            if (server_.version() >= 160000)
                server_.query("SELECT pg_catalog.pg_log_standby_snapshot()");
        } catch (const QueryRefused &) { // the role lacks the privilege
        }
    }

    std::string holder(const std::string &slot) {
        return server_.value("SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE " + name_is(slot));
    }

    void require_unread(const std::string &slot) {
        std::string pid = holder(slot);
        if (!pid.empty() && !steps_.dry_run())
            throw Failure(ExitCode::not_prepared, "slot \"" + slot + "\" is active for PID " + pid +
                                                      ": stop its relay, run setup again, and start the relay; emit goes on meanwhile");
    }

    void copy_aside(const std::string &slot) {
        std::string aside = slot + moved_suffix;
        if (!server_.value("SELECT 1 FROM pg_catalog.pg_replication_slots WHERE " + name_is(aside)).empty())
            steps_.change("dropped slot \"" + aside + "\", of an earlier setup that was interrupted", {drop_slot(aside)});
        steps_.change("copied slot \"" + slot + "\" to \"" + aside + "\" with the plugin " + plugin_, {copy_slot(slot, aside, plugin_)});
    }

    // Changes the form in one transaction. Where the transaction fails, the database is as it was.
    void change_form(const std::vector<std::string> &slots) {
        std::string names;
        for (const std::string &slot : slots)
            names += (names.empty() ? "" : ", ") + quote_literal(slot + moved_suffix);
        std::string sql = "BEGIN;\n" + keep_sql();
        if (is_to_hosted_)
            sql += "DROP EXTENSION outbox;\nDROP SCHEMA outbox;\n" + hosted_form_sql() + "UPDATE outbox.settings SET slots = ARRAY[" +
                   names + "]::pg_catalog.name[];\n";
        else
            sql += "SET LOCAL client_min_messages = warning;\nDROP SCHEMA outbox CASCADE;\nDROP PUBLICATION IF EXISTS outbox;\n"
                   "CREATE EXTENSION outbox;\n";
        steps_.change(is_to_hosted_ ? "emit is SQL from now on, instead of the extension"
                                    : "emit is the extension's from now on, instead of SQL",
                      {sql + kept_sql() + "COMMIT"});
    }

    void give_up(const std::vector<std::string> &slots) {
        server_.query("ROLLBACK");
        for (const std::string &slot : slots)
            server_.query(drop_slot(slot + moved_suffix));
    }

    // The copy becomes the slot, at the position where the slot's relay ended.
    void take_back(const std::string &slot) {
        std::string aside = slot + moved_suffix;
        if (!server_
                 .value("SELECT 1 FROM pg_catalog.pg_replication_slots WHERE plugin OPERATOR(pg_catalog.<>) " + quote_literal(plugin_) +
                        " AND " + name_is(slot))
                 .empty()) {
            require_unread(slot);
            advance(aside, slot);
            steps_.change("dropped slot \"" + slot + "\", whose place the copy takes", {drop_slot(slot)});
        }
        if (steps_.dry_run() || server_.value("SELECT 1 FROM pg_catalog.pg_replication_slots WHERE " + name_is(slot)).empty())
            steps_.change("slot \"" + slot + "\" has the plugin " + plugin_ + ", and stands where it stood",
                          {copy_slot(aside, slot, plugin_)});
        if (server_.version() >= 170000 && !steps_.dry_run())
            keep_over_failover(slot);
        if (is_to_hosted_)
            steps_.change("emit demands slot \"" + slot + "\" from now on (outbox.settings)",
                          {"UPDATE outbox.settings SET slots = pg_catalog.array_replace(slots, " + quote_literal(aside) +
                           "::pg_catalog.name, " + quote_literal(slot) + "::pg_catalog.name)"});
        steps_.change("dropped the copy \"" + aside + "\"", {drop_slot(aside)});
    }

    // Advances the copy, where a relay has run after the copy was made and has delivered more.
    void advance(const std::string &aside, const std::string &slot) {
        std::string behind = "FROM pg_catalog.pg_replication_slots AS a, pg_catalog.pg_replication_slots AS s WHERE a." + name_is(aside) +
                             " AND s." + name_is(slot) + " AND a.confirmed_flush_lsn OPERATOR(pg_catalog.<) s.confirmed_flush_lsn";
        std::string to = server_.value("SELECT s.confirmed_flush_lsn " + behind);
        if (!to.empty())
            steps_.change("the copy follows to " + to,
                          {"SELECT pg_catalog.pg_replication_slot_advance(" + quote_literal(aside) + ", " + quote_literal(to) + ")"});
    }

    void keep_over_failover(const std::string &slot) {
        std::string error =
            ask_for_replication(server_.login(), server_.signals(), "ALTER_REPLICATION_SLOT \"" + slot + "\" (FAILOVER true)");
        if (!error.empty())
            steps_.say("slot \"" + slot + "\" is not kept over a failover: " + error);
    }

    const Steps &steps_;
    Server &server_;
    std::string plugin_;
    bool is_to_hosted_;
};

} // namespace

bool is_to_be_moved(Server &server, const std::string &plugin) {
    Steps steps(server, true);
    Move move(steps, plugin);
    return move.has_other_form() || !move.moved_slots().empty() || !move.left_copies().empty();
}

void move_form(const Steps &steps, const std::string &plugin) { Move(steps, plugin).run(); }

} // namespace outbox
