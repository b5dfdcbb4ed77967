// How old is the oldest event that is not confirmed? Tested by test/t/141_doctor_kafka.t and test/t/163_platforms.t.
#include "command/doctor/consultation.h"

#include <cstdlib>

namespace outbox {
namespace {

// The query for the extension's plugin, whose first line has the commit's time.
std::string of_plugin(const std::string &slot) {
    return "SELECT date_part('epoch', clock_timestamp() - (data::json ->> 'ts')::timestamptz) FROM pg_logical_slot_peek_changes(" +
           quote_literal(slot) + ", NULL, 1) LIMIT 1";
}

// The query for pgoutput, whose Begin has the commit's time, in microseconds since 2000. Transactions without an event can come before the
// first one with an event: the query looks through about a thousand changes.
std::string of_pgoutput(const std::string &slot) {
    return "WITH changes AS MATERIALIZED (SELECT xid, data FROM pg_logical_slot_peek_binary_changes(" + quote_literal(slot) +
           ", NULL, 1000, 'proto_version', '1', 'publication_names', 'outbox', 'messages', 'true'))"
           " SELECT date_part('epoch', clock_timestamp() - ('2000-01-01 00:00:00Z'::timestamptz"
           " + ('x' || encode(substr(data, 10, 8), 'hex'))::bit(64)::bigint * interval '1 microsecond')) FROM changes AS begin"
           " WHERE substr(data, 1, 1) = 'B' AND EXISTS (SELECT FROM changes AS message WHERE message.xid = begin.xid"
           " AND substr(message.data, 1, 1) = 'M' AND substr(message.data, 11, 7) = 'outbox\\000') LIMIT 1";
}

} // namespace

// The server decodes for a session only while no relay has the slot.
double Consultation::backlog_age_s() {
    if (!slot_value("active_pid").empty())
        throw Skipped("a relay reads from the slot: the relay's lag_seconds says how old the backlog is");
    std::string plugin = slot_value("plugin");
    if (plugin != "outbox" && plugin != "pgoutput")
        throw Skipped("the slot belongs to another output plugin");
    if (plugin == "pgoutput" && server().value("SELECT 1 FROM pg_publication WHERE pubname = 'outbox'").empty())
        throw Skipped("the publication \"outbox\" is missing, without which the slot cannot be read");
    std::string age = server().value(plugin == "outbox" ? of_plugin(command_.slot) : of_pgoutput(command_.slot));
    return age.empty() ? 0 : strtod(age.c_str(), nullptr);
}

} // namespace outbox
