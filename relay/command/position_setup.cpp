#include "command/position_setup.h"

#include "kafka/state_topic.h"

#include <cstdlib>

namespace outbox {

void PositionSetup::prepare(bool slot_is_there) {
    std::string topic = "state topic \"" + command_.kafka.state_topic + "\"";
    if (steps_.dry_run())
        return steps_.say(topic + " is created, and the position written to it, without --dry-run");
    steps_.say(ensure_state_topic(command_.kafka, steps_.server().signals()) ? "created " + topic : topic + " is there");
    if (!slot_is_there) // with a slot this would fence the relay that may deliver
        StateWriter(command_.kafka, identity(), steps_.server().signals());
}

void PositionSetup::finish(bool slot_is_new) {
    if (steps_.dry_run())
        return;
    try {
        Decision decision = decide(slot_is_new);
        if (!decision.is_to_be_written)
            return steps_.say(decision.done);
        write(slot_is_new);
    } catch (const std::exception &) {
        if (slot_is_new)
            steps_.say(
                "slot \"" + command_.slot +
                "\" is there from now on and keeps events, but its position is not written: run the same setup again with --reset-state");
        throw;
    }
}

// Fences every producer of the slot, and only then reads the slot and the position: from here on nobody moves either of them unseen.
void PositionSetup::write(bool slot_is_new) {
    require_no_holder();
    StateWriter writer(command_.kafka, identity(), steps_.server().signals());
    Decision decision = decide(slot_is_new);
    if (decision.is_to_be_written) {
        require_no_holder();
        const Source &source = decision.source;
        writer.write({decision.position, decision.position.end, source.timeline, source.topics});
    }
    steps_.say(decision.done);
}

PositionSetup::Decision PositionSetup::decide(bool slot_is_new) const {
    Source here = source();
    auto read = command_.reset_state ? read_state_to_replace : read_state;
    std::optional<State> state = read(command_.kafka, here, steps_.server().signals());
    if (command_.reset_state || (!state && slot_is_new)) {
        Position position = reset(state, here);
        return {here, position, true, "exactly-once delivery goes on from " + format_lsn(position.end)};
    }
    if (!state || state->topics == here.topics || state->timeline != here.timeline) {
        Position position = resume(state, here);
        return {here, position, false, "its position is there: " + format_lsn(position.end)};
    }
    if (!state->position.complete)
        throw Failure(ExitCode::position_refused,
                      "a transaction is only partly delivered; let the relay finish it with --topics '" + state->topics + "' first");
    here.topics = state->topics;
    resume(state, here);
    here.topics = command_.topics;
    return {here, state->position, true, "it delivers --topics '" + command_.topics + "' from now on"};
}

// Throws while a relay has the slot: setup would miss what that relay confirms meanwhile.
void PositionSetup::require_no_holder() const {
    std::string holder = steps_.server().value(
        "SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_name OPERATOR(pg_catalog.=) " + quote_literal(command_.slot));
    if (!holder.empty())
        throw Failure(ExitCode::not_prepared, "slot \"" + command_.slot + "\" is active for PID " + holder + ": stop its relay first");
}

// The parts of a source that make the record's key and the transactional id.
Source PositionSetup::identity() const {
    auto row =
        steps_.server().rows("SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), pg_catalog.current_database()").at(0);
    Source source;
    source.system_identifier = row[0];
    source.database = row[1];
    source.slot = command_.slot;
    source.topics = command_.topics;
    source.reset_command = "the same setup with --reset-state";
    return source;
}

Source PositionSetup::source() const {
    auto rows = steps_.server().rows("SELECT pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_flush_lsn()), 8), "
                                     "pg_catalog.pg_current_wal_flush_lsn(), confirmed_flush_lsn, active_pid FROM "
                                     "pg_catalog.pg_replication_slots WHERE slot_name OPERATOR(pg_catalog.=) " +
                                     quote_literal(command_.slot));
    if (rows.size() != 1)
        throw Failure(ExitCode::slot_unusable, "slot \"" + command_.slot + "\" does not exist any more");
    Source source = identity();
    source.timeline = static_cast<uint32_t>(strtoul(rows[0][0].c_str(), nullptr, 16));
    source.wal_end = parse_lsn(rows[0][1]).value_or(Lsn{});
    source.confirmed = parse_lsn(rows[0][2]).value_or(Lsn{});
    source.was_held = !rows[0][3].empty();
    source.history = history(source.timeline);
    return source;
}

// The history of a timeline, as TIMELINE_HISTORY returns it, which would need a replication connection.
std::vector<TimelineEnd> PositionSetup::history(uint32_t timeline) const {
    if (timeline <= 1)
        return {};
    std::string file = "pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(" + std::to_string(timeline) + "), 8, '0'))";
    return parse_timeline_history(steps_.server().value("SELECT pg_catalog.pg_read_file('pg_wal/' OPERATOR(pg_catalog.||) " + file +
                                                        " OPERATOR(pg_catalog.||) '.history', 0, 1048576, true)"));
}

} // namespace outbox
