#include "core/window.h"

#include <utility>

namespace outbox {

// The number of lanes is known at once, so the window grows to the size that the lanes ask for without waiting for a round trip.
void Window::held_up(double lanes) {
    epoch_.was_held_up = true;
    lanes_ = lanes;
    if (is_probing_ || floor() <= bases_ * (1 + dead_band))
        return;
    shortest_s_ = 0; // the round trip known so far was that of smaller requests
    resize(floor());
}

double Window::bases_for_lanes() const {
    double events = std::clamp(lane_bytes / static_cast<double>(std::max<size_t>(mean_bytes_, 1)), 1.0, lane_events);
    return lanes_ * events * share_of(mean_bytes_);
}

// Begins another epoch, since an epoch with two sizes of the window says nothing.
void Window::resize(double bases) {
    bases_ = bases;
    epoch_ = {};
}

void Window::end_epoch(Time now) {
    Epoch epoch = std::exchange(epoch_, {.began_at = now});
    mean_bytes_ = epoch.bytes / epoch.events;
    if (!epoch.was_held_up || epoch.began_at == Time{} || (is_probing_ && share_ > 1 + dead_band))
        return;
    double rate = epoch.share / Duration(now - epoch.began_at).count();
    note_round_trip(bound() / rate, now);
    rates_[rates_next_++ % epochs_remembered] = rate;
    double way = *std::max_element(rates_.begin(), rates_.end()) * shortest_s_ * gain;
    double bases = std::clamp(way, floor(), bases_max_);
    if (!is_probing_ && (bases > bases_ * (1 + dead_band) || bases < bases_ * (1 - dead_band)))
        resize(std::clamp(bases, bases_ * shrink_max, bases_ * growth_max));
}

void Window::note_round_trip(double round_trip_s, Time now) {
    Duration forgotten = std::max<Duration>(forgotten_after, Duration(shortest_s_ * 100));
    bool is_old = now - shortest_at_ > forgotten;
    if (std::exchange(is_probing_, false) || round_trip_s <= shortest_s_ || shortest_s_ == 0 || bases_ <= floor() * (1 + dead_band)) {
        shortest_s_ = round_trip_s;
        shortest_at_ = now;
    } else {
        is_probing_ = is_old;
    }
}

} // namespace outbox
