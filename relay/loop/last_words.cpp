#include "loop/last_words.h"

#include "base/log.h"
#include "base/log_fields.h"

#include <array>

namespace outbox {
namespace {

constexpr auto they_last = std::chrono::seconds(45);

// Sets the time since when events are missing, since events may be lost with the slot: the start of the process, where nothing better is
// known.
void keep_lag(Status &status) {
    auto began_at = std::chrono::duration_cast<std::chrono::milliseconds>(status.started_at.time_since_epoch());
    if (status.missing_since_ms == 0)
        status.missing_since_ms = began_at.count();
}

} // namespace

void say_last_words(Status &status, SlotInquiry &slot, int signals, const std::string &why) {
    say(spdlog::level::err, {.event = LogEvent::slot_lost}, "{}; the relay has stopped, its status answers for {} s more", why,
        they_last.count());
    status.state = RelayState::stopped;
    status.waiting_for.set(why);
    keep_lag(status);
    for (auto now = Clock::now(), until = now + they_last; now < until; now = Clock::now()) {
        status.turned_at = now;
        slot.start_if_due(now);
        slot.advance(now);
        std::array<pollfd, 2> wanted = {{{signals, POLLIN, 0}, {-1, 0, 0}}};
        if (slot.is_running())
            wanted[1] = slot.wanted();
        auto pause = std::chrono::ceil<std::chrono::milliseconds>(std::min(until, slot.due_at()) - now);
        poll(wanted.data(), wanted.size(), std::max(0, static_cast<int>(pause.count())));
        if (wanted[0].revents != 0) // any signal ends the relay now
            return;
    }
}

} // namespace outbox
