#include "core/window.h"

#include <utility>

namespace outbox {

void Window::delivered(const void *record, size_t bytes, uint64_t batch, Time now) {
    double share = share_of(bytes);
    leave(share);
    epoch_.share += share;
    epoch_.events++;
    epoch_.bytes += bytes;
    epoch_.batches += std::exchange(batch_, batch) != batch;
    if (record != timed_)
        return;
    note_round_trip(now);
    timed_ = nullptr;
    if (now - epoch_.began_at >= epoch_min)
        end_epoch(now);
}

void Window::note_round_trip(Time now) {
    Duration round_trip = now - timed_at_;
    if (is_probe_) { // with little in flight: whatever was before is over
        is_probing_ = is_probe_ = false;
        shortest_ = Duration{0};
    }
    if (shortest_ == Duration{0} || round_trip <= shortest_) {
        shortest_ = round_trip;
        shortest_at_ = now;
    } else if (bases_ > 1 && now - shortest_at_ > forgotten_after) {
        is_probing_ = true;
    }
}

// Round trips end it, one of a record at least, so that a change of the window shows before the next one.
void Window::end_epoch(Time now) {
    Epoch epoch = std::exchange(epoch_, {.began_at = now});
    if (!std::exchange(is_held_up_, false) || epoch.began_at == Time{} || is_probing_)
        return;
    rates_[rates_next_++ % epochs_remembered] = epoch.share / Duration(now - epoch.began_at).count();
    double way = *std::max_element(rates_.begin(), rates_.end()) * shortest_.count() * gain;
    double events = static_cast<double>(epoch.events) / static_cast<double>(epoch.batches);
    double bytes = static_cast<double>(epoch.bytes) / static_cast<double>(epoch.batches);
    double requests = bases_ / std::max(events / events_wanted, bytes / bytes_wanted);
    double wanted = std::clamp(std::max(way, requests), 1.0, bases_max_);
    if (wanted > bases_ * (1 + dead_band) || wanted < bases_ * (1 - dead_band))
        bases_ = std::clamp(wanted, bases_ * shrink_max, bases_ * growth_max);
}

} // namespace outbox
