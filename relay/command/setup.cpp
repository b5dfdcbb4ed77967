#include "command/setup.h"

#include "base/comes_true.h"
#include "base/log.h"
#include "command/form_move.h"
#include "command/hosted_setup.h"
#include "command/position_setup.h"
#include "command/setup_remove.h"
#include "command/setup_roles.h"
#include "command/setup_topics.h"
#include "postgres/extension_check.h"
#include "postgres/harden.h"
#include "postgres/prerequisites.h"
#include "postgres/slot_check.h"
#include "postgres/steps.h"

namespace outbox {
namespace {

using std::chrono::seconds;

constexpr auto reload_patience = seconds(10);
constexpr auto turn_patience = seconds(60);  // for another setup
constexpr auto others_patience = seconds(3); // for a slot that another session makes
constexpr auto look_interval = std::chrono::milliseconds(50);
constexpr auto say_again_after = seconds(60);
constexpr long setup_lock = 0x6f7574626f78; // "outbox" in ASCII, as an advisory lock's key

// One setup, in the order of run().
class Setup {
public:
    explicit Setup(const SetupCommand &command, Signals &signals)
        : command_(command), server_(command.login, signals), steps_(server_, command.dry_run), position_(command, steps_) {}

    void run() {
        if (is_hosted() && command_.harden)
            throw Failure(ExitCode::usage, "--harden: emit in SQL writes as its caller, who needs pg_logical_emit_message(); expected the "
                                           "extension (--plugin outbox)");
        if (is_hosted())
            server_.advise_when_denied("this role needs CREATE on the database, and REPLICATION (ALTER ROLE ... REPLICATION) or the "
                                       "provider's role for it");
        if (server_.is_true("SELECT pg_catalog.pg_is_in_recovery()"))
            throw Failure(ExitCode::not_prepared, standby_text);
        if (command_.remove)
            return remove_outbox(steps_, command_.slot, command_.force);
        require_wal_level();
        if (!command_.dry_run)
            take_turns();
        if (is_to_be_moved(server_, command_.plugin)) {
            if (!is_hosted())
                allow_plugin();
            move_form(steps_, command_.plugin);
            if (command_.dry_run)
                return steps_.say("then setup creates what is still missing");
        }
        std::optional<SlotState> slot = finished_slot();
        if (is_hosted() && slot)
            require_publication_for(server_, command_.slot);
        if (command_.delivery == Delivery::exactly_once)
            position_.prepare(slot.has_value());
        if (is_hosted()) {
            install_hosted_form(steps_, command_.slot);
        } else {
            install_extension(steps_);
            let_monitors_look();
        }
        if (command_.harden)
            harden(steps_);
        if (!command_.relay_role.empty())
            prepare_relay_role(steps_, command_.relay_role);
        if (!command_.app_role.empty())
            prepare_app_role(steps_, command_.app_role);
        if (!is_hosted())
            allow_plugin();
        if (slot)
            steps_.say(name() + " is there");
        else
            create_slot();
        if (is_hosted())
            name_slot_to_emit(steps_, command_.slot);
        if (command_.delivery == Delivery::exactly_once)
            position_.finish(!slot);
        if (!command_.topic_specs.empty())
            prepare_topics(steps_, command_);
        if (!command_.topics.empty())
            steps_.say("run its relay with: outbox-relay run --slot " + command_.slot + " --topics '" + command_.topics + "'");
    }

private:
    bool is_hosted() const { return command_.plugin == "pgoutput"; } // the server takes no library
    std::string name() const { return "slot \"" + command_.slot + "\""; }

    void require_wal_level() {
        std::optional<Lack> lack = wal_level_lack(server_);
        if (!lack)
            return;
        if (command_.dry_run)
            std::cout << lack->statements[0] << "; -- takes a restart of the server" << std::endl;
        else
            throw Failure(ExitCode::not_prepared,
                          lack->sentence + ": " + lack->statements[0] + ", restart the server, then run setup again");
    }

    template <class Condition>
    bool comes_true(seconds patience, Condition condition) {
        return outbox::comes_true(server_.signals(), patience, look_interval, condition);
    }

    // ---- one setup at a time

    void take_turns() {
        std::string lock = std::to_string(setup_lock);
        bool is_ours = false;
        std::optional<SlotState> slot;
        constexpr auto never = std::chrono::steady_clock::time_point::max();
        auto unfinished_since = never;
        comes_true(turn_patience, [&] {
            is_ours = server_.is_true("SELECT pg_catalog.pg_try_advisory_lock(" + lock + ")");
            slot = is_ours ? std::nullopt : look_at_slot(server_, command_.slot);
            auto now = std::chrono::steady_clock::now();
            unfinished_since = slot && slot->is_unfinished ? std::min(unfinished_since, now) : never;
            return is_ours || now - others_patience >= unfinished_since; // the other setup waits for transactions, which may never end
        });
        if (is_ours)
            return;
        if (slot && slot->is_unfinished)
            throw Failure(ExitCode::not_prepared, unfinished_text(command_.slot, look_at_making(server_, slot->holder)));
        std::string other = server_.value(
            "SELECT pid FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND granted AND"
            " database OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname"
            " OPERATOR(pg_catalog.=) pg_catalog.current_database()) AND ((classid::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)"
            " OPERATOR(pg_catalog.|) objid::pg_catalog.int8) OPERATOR(pg_catalog.=) " +
            lock);
        Making making = look_at_making(server_, other);
        throw Failure(ExitCode::not_prepared, making.maker
                                                  ? "another setup is at work in this database: " + making.maker->described() +
                                                        ". Let it end, or end it: " + making.maker->ended_by() + ". Then run setup again"
                                                  : "another setup was at work in this database; run setup again");
    }

    // ---- the extension

    // The extension's scripts grant nothing on the schema, since pg_dump would take the grants of others for the extension's. So setup
    // grants.
    void let_monitors_look() {
        if (!server_.is_true("SELECT pg_catalog.has_schema_privilege('pg_monitor', oid, 'USAGE') FROM pg_catalog.pg_namespace"
                             " WHERE nspname OPERATOR(pg_catalog.=) 'outbox'"))
            steps_.change("pg_monitor may look at outbox.status", {"GRANT USAGE ON SCHEMA outbox TO pg_monitor"});
    }

    // ---- the permission for the plugin

    void allow_plugin() {
        PluginPermission permission = look_at_plugin_permission(server_);
        if (!permission.is_needed)
            return steps_.say(permission.is_hidden ? "\"output_plugin_libraries\" cannot be read by this role; it must name \"outbox\""
                                                   : "this server needs no permission for the plugin");
        if (!permission.lack)
            return steps_.say("plugin \"outbox\" is allowed");
        if (permission.is_misquoted)
            steps_.say(misquoted_text + std::string("; each name gets quotes of its own"));
        steps_.change("allowed plugin \"outbox\" (output_plugin_libraries)", permission.lack->statements);
        if (command_.dry_run)
            std::cout << "SELECT pg_catalog.pg_sleep(1); -- until this session has read it, too" << std::endl;
        else if (!comes_true(reload_patience, [&] { return !look_at_plugin_permission(server_).lack; }))
            throw Failure(ExitCode::not_prepared,
                          "output_plugin_libraries still does not name \"outbox\": is it set on the server's command line?");
    }

    // ---- the slot

    // The slot; nullopt: there is none. A slot that another session makes at this moment is awaited for a while.
    std::optional<SlotState> finished_slot() {
        std::optional<SlotState> slot;
        bool is_finished = comes_true(others_patience, [&] {
            slot = look_at_slot(server_, command_.slot);
            if (slot)
                require_usable(command_.slot, *slot, command_.plugin);
            return !slot || !slot->is_unfinished;
        });
        if (!is_finished)
            throw Failure(ExitCode::not_prepared, unfinished_text(command_.slot, look_at_making(server_, slot->holder)));
        return slot;
    }

    void create_slot() {
        if (!command_.dry_run)
            steps_.say("creating " + name() + " (waits for transactions that are open now)");
        // From 17 on a standby can keep the slot over a failover.
        std::string failover = server_.version() >= 170000 ? ", failover => true" : "";
        try {
            steps_.change("created " + name() + ": events are kept for the relay from now on",
                          {"SELECT pg_catalog.pg_create_logical_replication_slot(" + quote_literal(command_.slot) + ", " +
                           quote_literal(command_.plugin) + failover + ")"},
                          [this] { say_what_it_waits_for(); });
        } catch (const Interrupted &) {
            steps_.say(name() + " is not created: setup was interrupted and has cancelled the statement");
            throw;
        } catch (const QueryRefused &refused) {
            if (refused.sqlstate() != "42710" || !finished_slot()) // duplicate_object
                throw;
            steps_.say(name() + " is there");
        }
    }

    // Looks in a connection of its own, since this one is busy.
    void say_what_it_waits_for() {
        std::string text;
        try {
            if (!watch_)
                watch_.emplace(command_.login, server_.signals());
            Making making = look_at_making(*watch_, std::to_string(server_.process()));
            text = "for " + making.waits_for_text();
            if (!making.waits_for.empty())
                text += ". Let it end, or end it: " + making.waits_for[0].ended_by();
            waits_for_ = making.waits_for.empty() ? "" : making.waits_for[0].ended_by();
        } catch (const Failure &failure) {
            text = std::string("for transactions that cannot be looked at: ") + failure.what();
            watch_.reset();
            waits_for_ = failure.what();
        }
        auto now = std::chrono::steady_clock::now();
        if (waits_for_ == said_ && now < said_at_ + say_again_after)
            return;
        said_ = waits_for_;
        said_at_ = now;
        steps_.say(name() + " waits " + text);
    }

    const SetupCommand &command_;
    Server server_;
    Steps steps_;
    PositionSetup position_;
    std::optional<Server> watch_;
    std::string waits_for_; // the text of the last look
    std::optional<std::string> said_;
    std::chrono::steady_clock::time_point said_at_;
};

} // namespace

void set_up(const SetupCommand &command, Signals &signals) { Setup(command, signals).run(); }

} // namespace outbox
