#include "core/position.h"

#include <algorithm>
#include <charconv>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace outbox {
namespace {

constexpr int state_version = 1;

const TimelineEnd *find(const std::vector<TimelineEnd> &history, uint32_t id) {
    auto found = std::find_if(history.begin(), history.end(), [&](const TimelineEnd &entry) { return entry.id == id; });
    return found == history.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(const Source &source, const std::string &why) {
    throw PositionRefused("exactly-once delivery cannot go on with slot \"" + source.slot + "\": " + why +
                          ". To go on from where the slot stands: " + source.reset_command);
}

// Events beyond the LSN at which the server left a timeline have never happened on this server, which gives their LSNs to other
// transactions. After a failover consumers have seen those events; in a copy restored from a backup they are what production went on to do.
Position on_common_history(const State &state, const Source &source) {
    const TimelineEnd *left = find(source.history, state.timeline);
    if (left == nullptr)
        refuse(source, "the state was written on timeline " + std::to_string(state.timeline) +
                           ", which is not in the history of the server's timeline " + std::to_string(source.timeline));
    if (state.position.end <= left->end)
        return state.position;
    if (state.events > left->end)
        refuse(source, "the server left timeline " + std::to_string(state.timeline) + " at " + format_lsn(left->end) +
                           ", but events up to " + format_lsn(state.events) +
                           " of it are in Kafka: consumers have seen events that this server does not have, or this server is a copy");
    return {left->end, 0, true};
}

} // namespace

std::vector<TimelineEnd> parse_timeline_history(std::string_view text) {
    std::vector<TimelineEnd> history;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        uint32_t id = 0;
        auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), id);
        if (error != std::errc() || end == line.data() + line.size() || *end != '\t')
            continue;
        line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
        if (std::optional<Lsn> lsn = parse_lsn(line.substr(0, line.find('\t'))))
            history.push_back({id, *lsn});
    }
    return history;
}

std::string state_key(const Source &source) { return source.slot + "@" + source.system_identifier + "/" + source.database; }

std::string transactional_id(const Source &source) { return "outbox-" + source.system_identifier + "-" + source.slot; }

std::string format_state(const State &state) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartObject();
    writer.Key("v");
    writer.Int(state_version);
    writer.Key("lsn");
    writer.String(format_lsn(state.position.end).c_str());
    writer.Key("ordinal");
    writer.Uint64(state.position.ordinal);
    writer.Key("complete");
    writer.Bool(state.position.complete);
    if (!state.position.complete && state.position.after > Lsn{}) {
        writer.Key("after");
        writer.String(format_lsn(state.position.after).c_str());
    }
    writer.Key("events");
    writer.String(format_lsn(state.events).c_str());
    writer.Key("timeline");
    writer.Uint(state.timeline);
    writer.Key("topics");
    writer.String(state.topics.data(), static_cast<rapidjson::SizeType>(state.topics.size()));
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

std::optional<State> parse_state(std::string_view json) {
    rapidjson::Document document;
    // without recursion: anybody may have written the record, with JSON nested deep enough to exhaust the stack
    document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject())
        return std::nullopt;
    auto member = [&](const char *name) { return document.HasMember(name) ? &document[name] : nullptr; };
    auto *version = member("v"), *lsn = member("lsn"), *ordinal = member("ordinal"), *complete = member("complete"),
         *events = member("events"), *timeline = member("timeline"), *topics = member("topics"), *after = member("after");
    bool is_state = version && version->IsInt() && version->GetInt() == state_version && lsn && lsn->IsString() && ordinal &&
                    ordinal->IsUint64() && complete && complete->IsBool() && events && events->IsString() && timeline &&
                    timeline->IsUint() && topics && topics->IsString();
    std::optional<Lsn> end = is_state ? parse_lsn({lsn->GetString(), lsn->GetStringLength()}) : std::nullopt;
    std::optional<Lsn> events_end = end ? parse_lsn({events->GetString(), events->GetStringLength()}) : std::nullopt;
    if (!events_end)
        return std::nullopt;
    Lsn after_end = after && after->IsString() ? parse_lsn({after->GetString(), after->GetStringLength()}).value_or(Lsn{}) : Lsn{};
    return State{{*end, ordinal->GetUint64(), complete->GetBool(), after_end},
                 *events_end,
                 timeline->GetUint(),
                 {topics->GetString(), topics->GetStringLength()}};
}

Position resume(const std::optional<State> &state, const Source &source) {
    if (!state)
        refuse(
            source,
            "the state topic has no position of it. Either exactly-once delivery was never set up for this slot and this server, or "
            "the position is lost; then what was delivered since the slot's last confirmation would come twice. After pg_upgrade the "
            "server counts as another one; pg_upgrade moves a slot only when all of it is delivered, so then nothing is lost and nothing "
            "comes twice");
    if (state->topics != source.topics)
        refuse(source, "it has delivered --topics \"" + state->topics + "\" so far, and was started with \"" + source.topics + "\"");
    if (state->timeline > source.timeline)
        refuse(source, "the state was written on timeline " + std::to_string(state->timeline) + ", and the server is on timeline " +
                           std::to_string(source.timeline) + ": this is an old primary, or a copy from before a failover");
    Position position = state->timeline < source.timeline ? on_common_history(*state, source) : state->position;
    if (position.end > source.wal_end && !source.was_held)
        refuse(source, "the state is at " + format_lsn(position.end) + ", and the server's WAL ends at " + format_lsn(source.wal_end) +
                           ": this server was restored from a backup, or is another one");
    if (source.confirmed > position.end || (source.confirmed == position.end && !position.complete))
        refuse(source, "the slot has been confirmed up to " + format_lsn(source.confirmed) + ", and the state is at " +
                           format_lsn(position.end) + ": events between the two may be missing in Kafka");
    return position;
}

Position reset(const std::optional<State> &state, const Source &source) {
    const TimelineEnd *left = state && state->timeline < source.timeline ? find(source.history, state->timeline) : nullptr;
    if (left != nullptr && left->end < state->position.end && left->end >= source.confirmed)
        return {left->end, 0, true};
    return {source.confirmed, 0, true};
}

} // namespace outbox
