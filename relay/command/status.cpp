#include "command/status.h"

#include "base/exit_code.h"
#include "base/log.h"
#include "command/ask_relay.h"
#include "command/disk.h"
#include "command/status_view.h"
#include "postgres/conninfo.h"
#include "postgres/slot_check.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace outbox {
namespace {

constexpr auto look_interval = std::chrono::seconds(2);

enum Column { DATABASE, TIMELINE, EXTENSION, WAL_STATUS, PROCESS, BACKLOG, RETAINED, SAFE, XMIN_AGE, FAILOVER, OLDEST };

std::optional<double> number(const std::string &text) { return text.empty() ? std::nullopt : std::optional(strtod(text.c_str(), nullptr)); }

std::string look_sql(int version, const std::string &slot) {
    std::string failover = version >= 170000 ? "s.failover" : "false";
    return "SELECT pg_catalog.current_database(), (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
           " COALESCE((SELECT extversion FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'outbox'),"
           " (SELECT 'none, emit in SQL' FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=)"
           " c.relnamespace WHERE n.nspname OPERATOR(pg_catalog.=) 'outbox' AND c.relname OPERATOR(pg_catalog.=) 'settings')),"
           " s.wal_status, s.active_pid,"
           " GREATEST(0, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.confirmed_flush_lsn)),"
           " pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.restart_lsn), s.safe_wal_size, "
           "pg_catalog.age(s.catalog_xmin), " +
           failover +
           ", (SELECT pg_catalog.max(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start))"
           " FROM pg_catalog.pg_stat_activity AS a WHERE a.backend_xid IS NOT NULL)"
           " FROM pg_catalog.pg_replication_slots AS s WHERE s.slot_name OPERATOR(pg_catalog.=) " +
           quote_literal(slot);
}

class Screen {
public:
    Screen(const StatusCommand &command, Signals &signals) : command_(command), signals_(signals), server_(command.login, signals) {
        server_.query("SET statement_timeout = '5s'");
        if (server_.is_true("SELECT pg_catalog.pg_is_in_recovery()"))
            throw Failure(ExitCode::not_prepared, "the server is a standby; connect to the primary");
        // The state of another database's slot, or of another program's, would say nothing of this database's events.
        std::optional<SlotState> state = look_at_slot(server_, command.slot);
        if (state && !state->is_lost && !state->is_temporary)
            require_usable(command.slot, *state, state->plugin == "pgoutput" ? "pgoutput" : "outbox");
    }

    int run() {
        StatusView before = look();
        Rates rates;
        print(before, rates);
        while (command_.watch) {
            try {
                signals_.pause(look_interval);
            } catch (const Interrupted &) { // a signal is the usual end of --watch
                break;
            }
            StatusView now = look();
            rates = rates_of(before, now, rates);
            print(now, rates);
            before = now;
        }
        return 0;
    }

private:
    StatusView look() {
        auto rows = server_.rows(look_sql(server_.version(), command_.slot));
        if (rows.empty())
            throw Failure(ExitCode::slot_unusable, missing_slot_text(command_.slot));
        const Server::Row &row = rows[0];
        StatusView view;
        view.at = std::chrono::steady_clock::now().time_since_epoch();
        view.slot = command_.slot;
        view.database = printable(row[DATABASE]);
        std::vector<Host> hosts = hosts_of(command_.login.dsn);
        view.host = hosts.empty() ? "" : name_of(hosts[0]);
        view.timeline = static_cast<unsigned>(number(row[TIMELINE]).value_or(0));
        view.extension = row[EXTENSION];
        view.wal_status = row[WAL_STATUS];
        view.process = row[PROCESS];
        view.backlog_bytes = number(row[BACKLOG]).value_or(0);
        view.retained_wal_bytes = number(row[RETAINED]).value_or(0);
        view.safe_wal_bytes = number(row[SAFE]);
        view.catalog_xmin_age = number(row[XMIN_AGE]).value_or(0);
        view.is_failover = row[FAILOVER] == "t";
        view.oldest_transaction_s = number(row[OLDEST]);
        look_at_disk_of(view);
        if (command_.relay)
            ask_relay(view, *command_.relay);
        note_switches(view);
        return view;
    }

    // Looks at the disk with the server's data, whose place a role without pg_read_all_settings may not know.
    void look_at_disk_of(StatusView &view) {
        if (!is_on_this_machine(server_))
            return;
        std::string directory = server_.value("SELECT pg_catalog.max(setting) FROM pg_catalog.pg_settings WHERE name "
                                              "OPERATOR(pg_catalog.=) 'data_directory'");
        if (std::optional<DiskView> disk = directory.empty() ? std::nullopt : look_at_disk(directory))
            view.disk_free_bytes = disk->free_bytes;
    }

    // Notes settings that somebody has changed for a while and forgotten.
    void note_switches(StatusView &view) {
        for (const Server::Row &row : server_.rows(
                 "SELECT DISTINCT c.value FROM pg_catalog.pg_db_role_setting AS d, LATERAL pg_catalog.unnest(d.setconfig) AS c(value)"
                 " WHERE c.value OPERATOR(pg_catalog.~) '^outbox[.]missing_slot=(ignore|warning)$' ORDER BY 1"))
            view.notes.push_back(row[0] + ": a transaction commits without its event where no slot can deliver it (outbox-relay doctor)");
        if (view.process.empty())
            view.notes.push_back("no relay reads from the slot: nothing is delivered");
    }

    void print(const StatusView &view, const Rates &rates) const {
        if (command_.json) {
            std::cout << json_of(view, rates) << std::endl;
            return;
        }
        winsize size = {};
        bool is_terminal = isatty(STDOUT_FILENO) == 1;
        if (is_terminal)
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        bool has_colors = is_terminal && getenv("NO_COLOR") == nullptr;
        if (is_terminal && command_.watch)
            std::cout << "\033[H\033[J";
        std::cout << screen_of(view, rates, is_terminal ? std::max<size_t>(size.ws_col, 80) : 0, has_colors) << std::flush;
    }

    const StatusCommand &command_;
    Signals &signals_;
    Server server_;
};

} // namespace

int show_status(const StatusCommand &command, Signals &signals) { return Screen(command, signals).run(); }

} // namespace outbox
