#include "watch/answers.h"

#include "watch/metrics.h"
#include "watch/page.h"
#include "watch/status_json.h"

#include <fmt/format.h>

namespace outbox {
namespace {

constexpr unsigned ok = 200, not_found = 404, method_not_allowed = 405, unavailable = 503;

Answer word(bool is_good, const char *word) { return {is_good ? ok : unavailable, std::string(word) + "\n"}; }

Answer live(const Status &status) {
    bool is_good = is_live(status, Status::Clock::now());
    return word(is_good, is_good ? "ok" : "stuck");
}

bool is_ready(RelayState state, bool standby_is_ok) {
    return state == RelayState::streaming || (standby_is_ok && state == RelayState::standby);
}

Answer verbose(const Status &status, bool is_good) {
    std::string text;
    for (const Check &check : checks_of(status))
        text += check.is_good ? fmt::format("[+]{} ok\n", check.name) : fmt::format("[-]{} failed: {}\n", check.name, check.why);
    return {is_good ? ok : unavailable, text + fmt::format("readyz check {}: {}\n", is_good ? "passed" : "failed", name_of(status.state))};
}

Answer ready(const Request &request, const Status &status) {
    RelayState state = status.state;
    bool is_good = is_ready(state, request.standby_is_ok);
    if (request.is_verbose)
        return verbose(status, is_good);
    Answer answer = word(is_good, name_of(state));
    if (std::string text = status.waiting_for.get(); !text.empty())
        answer.body += text + "\n";
    return answer;
}

} // namespace

Answer answer_to(const Request &request, const Status &status, const Samples &samples, Troubles &troubles) {
    if (request.method != "GET" && request.method != "HEAD")
        return {method_not_allowed, ""};
    std::string_view path = request.path;
    if (path == "/metrics")
        return {ok, metrics_text(status), metrics_content_type};
    if (path == "/livez" || path == "/live")
        return live(status);
    if (path == "/readyz" || path == "/ready")
        return ready(request, status);
    if (path == "/status")
        return {ok, status_json(status, samples, troubles.get()), "application/json"};
    if (path == "/")
        return {ok, page(status, samples, troubles.get()), "text/html; charset=utf-8", page_policy()};
    return {not_found, ""};
}

} // namespace outbox
