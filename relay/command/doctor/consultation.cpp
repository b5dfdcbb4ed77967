#include "command/doctor/consultation.h"

#include "config/setup_line.h"
#include "kafka/topic_names.h"
#include "postgres/conninfo.h"

namespace outbox {
namespace {

// The settings of the doctor's own session: the server ends a long statement, and no statement can write.
constexpr const char *session_settings[] = {"statement_timeout = '5s'", "lock_timeout = '2s'", "default_transaction_read_only = on"};

} // namespace

Server &Consultation::connect() {
    server_.emplace(command_.login, signals_);
    for (const char *setting : session_settings)
        server_->query(std::string("SET ") + setting);
    return *server_;
}

Server &Consultation::server() {
    if (!server_)
        throw Skipped("there is no connection to PostgreSQL");
    return *server_;
}

std::string Consultation::setting(const std::string &name) {
    // SHOW would write an error into the log of a server without the setting.
    auto rows = server().rows("SELECT s FROM current_setting(" + quote_literal(name) + ", true) AS s WHERE s IS NOT NULL");
    if (rows.empty())
        throw Skipped("this server has no setting " + name);
    return rows[0][0];
}

std::string Consultation::slot_value(const std::string &expression) {
    auto rows = server().rows("SELECT " + expression + " FROM pg_replication_slots WHERE slot_name = " + quote_literal(command_.slot));
    if (rows.empty())
        throw Skipped("slot \"" + command_.slot + "\" does not exist");
    return rows[0][0];
}

std::string Consultation::setup_line(const std::string &slot) const {
    return outbox::setup_line(command_.login.dsn, slot, command_.topics, command_.kafka) + (is_hosted_ ? " --plugin pgoutput" : "");
}

std::string Consultation::run_line(const std::string &more_topics) {
    std::string line =
        "outbox-relay run --dsn " + shell_quoted(public_conninfo(command_.login.dsn) + " user=" + role()) + " --slot " + command_.slot;
    if (!command_.topics.empty())
        line += " --topics " + shell_quoted(command_.topics + (more_topics.empty() ? "" : "," + more_topics));
    if (command_.delivery == Delivery::exactly_once)
        line += " --delivery exactly-once";
    if (std::string text = topic_template(command_.kafka.style); !text.empty())
        line += " --topic-template " + shell_quoted(text);
    return line + (command_.kafka.brokers.empty() ? " --stdout" : " --brokers " + shell_quoted(command_.kafka.brokers));
}

} // namespace outbox
