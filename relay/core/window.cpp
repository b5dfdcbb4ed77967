#include "core/window.h"

#include <utility>

namespace outbox {

// The number of lanes is known at once, so the window grows to the floor without waiting for a round trip.
void Window::held_up(double lanes) {
    epoch_.was_held_up = true;
    lanes_ = lanes;
    if (is_probing() || floor() <= bases_ * (1 + dead_band))
        return;
    shortest_ = {}; // the round trip known so far was that of smaller requests
    resize(floor());
}

double Window::bases_for_lanes() const {
    double events = std::clamp(lane_bytes / static_cast<double>(std::max<size_t>(mean_bytes_, 1)), 1.0, lane_events);
    return lanes_ * events * share_of(mean_bytes_);
}

void Window::resize(double bases) {
    bases_ = bases;
    skip_epoch();
}

// An epoch with two bounds says nothing, so the next one that is measured begins when all that is in flight now is delivered.
void Window::skip_epoch() { epoch_ = {.share = bound() - share_}; }

void Window::served(Time now) {
    if (!std::exchange(has_delivered_, false))
        return;
    epoch_.busy_s += Duration(now - std::exchange(delivered_at_, now)).count();
    if (epoch_.share >= bound() && (!epoch_.is_measured || epoch_.busy_s >= epoch_min_s))
        end_epoch(now);
}

void Window::end_epoch(Time now) {
    Epoch epoch = std::exchange(epoch_, {.is_measured = true});
    if (epoch.events > 0)
        mean_bytes_ = epoch.bytes / epoch.events;
    if (!epoch.was_held_up || !epoch.is_measured)
        return;
    double rate = epoch.share / epoch.busy_s;
    rates_[rates_next_++ % epochs_remembered] = rate;
    if (note_round_trip(bound() / rate, now))
        adapt();
}

// Returns false where a probe begins or is repeated, because the shortest round trip is not known.
bool Window::note_round_trip(double round_trip_s, Time now) {
    if (is_probing() && shortest_.s > 0 && round_trip_s > shortest_.s * repeated_beyond && !std::exchange(is_repeated_, true))
        return false;
    if (is_probing() || round_trip_s <= shortest_.s || bases_ <= floor() * (1 + dead_band)) {
        shortest_ = {round_trip_s, floor(), now};
        if (std::exchange(probe_bases_, 0) > 0)
            skip_epoch();
        return true;
    }
    if (!doubts(round_trip_s, now))
        return true;
    probe_bases_ = floor();
    is_repeated_ = false;
    skip_epoch();
    return false;
}

bool Window::doubts(double round_trip_s, Time now) {
    bool is_longer = round_trip_s > shortest_.s * doubted_beyond, was_longer = std::exchange(shortest_.is_doubted, is_longer);
    double age_s = Duration(now - shortest_.seen_at).count();
    return shortest_.s == 0 || floor() < shortest_.floor / 2 || age_s > std::max(forgotten_after_s, shortest_.s * forgotten_after_trips) ||
           (is_longer && was_longer && age_s > std::max(doubted_after_s, shortest_.s * doubted_after_trips));
}

void Window::adapt() {
    double way = *std::max_element(rates_.begin(), rates_.end()) * shortest_.s * gain - (shortest_.floor - 1);
    double bases = std::clamp(way, floor(), bases_max_);
    bool grows = bases > bases_ * (1 + dead_band) || (bases > bases_ && bases == bases_max_);
    if (grows || bases < bases_ * (1 - dead_band))
        resize(std::clamp(bases, bases_ * shrink_max, bases_ * growth_max));
}

} // namespace outbox
