#include "command/relay_answer.h"

#include "postgres/server.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

namespace outbox {
namespace {

std::string text_of(const rapidjson::Document &answer, const char *name) {
    auto found = answer.FindMember(name);
    if (found == answer.MemberEnd() || !found->value.IsString())
        return "";
    return printable(std::string(found->value.GetString(), found->value.GetStringLength()));
}

std::optional<double> number_of(const rapidjson::Document &answer, const char *name) {
    auto found = answer.FindMember(name);
    return found == answer.MemberEnd() || !found->value.IsNumber() ? std::nullopt : std::optional(found->value.GetDouble());
}

} // namespace

// Any program may listen at the address, so the parser does not recurse, and texts lose their control characters.
bool take_answer(StatusView &view, std::string_view json) {
    rapidjson::Document answer;
    answer.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    if (answer.HasParseError() || !answer.IsObject())
        return false;
    view.relay_state = text_of(answer, "state");
    view.delivery = text_of(answer, "delivery");
    view.waiting_for = text_of(answer, "waiting_for");
    view.lag_s = number_of(answer, "lag_seconds");
    view.events_delivered = number_of(answer, "events_delivered_total");
    view.events_per_s = number_of(answer, "events_per_second");
    view.last_delivery_s_ago = number_of(answer, "last_delivery_seconds_ago");
    view.commit_to_ack_p50_s = number_of(answer, "commit_to_ack_p50_seconds");
    view.commit_to_ack_p99_s = number_of(answer, "commit_to_ack_p99_seconds");
    view.wal_grows_bytes_per_s = number_of(answer, "retained_wal_grows_bytes_per_second");
    if (double set_aside = number_of(answer, "events_set_aside_total").value_or(0); set_aside > 0)
        view.notes.push_back(fmt::format("{:.0f} events set aside since the relay's start (outbox-relay dead-letters)", set_aside));
    return true;
}

} // namespace outbox
