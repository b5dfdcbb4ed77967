// The bound of what is in flight: so much that neither the way to Kafka nor the size of its requests costs speed, and no more, since more
// only fills memory and the processor's caches. The window finds the bound by itself, as congestion control does. Pure: the clock is the
// caller's. Tested by test/unit/window_test.cpp, against simulated brokers.
//
// The unit is the base: so many small events, or so many bytes of larger ones, as serve a broker nearby. Two things ask for bases, and the
// window has as many as the larger demand:
//
// - The way. What is delivered in the shortest round trip has to be in flight three times, because a partition has one batch on its way:
//   that batch, the next one, which fills, and one whose reports the relay handles. Where the broker has time left, more in flight is
//   delivered in the same round trip, so the rate grows, and the window again. Where the broker has none left, more only waits: the rate
//   stays, and so does the window. The round trip is that of all events of an epoch, by Little's law: what is in flight, by the rate.
// - The requests. librdkafka sends one for each partition (a lane), which costs as much as some hundred small events. So each lane has to
//   have that many: this is the floor, and at least one base.
//
// Where many lanes wait for their turn, a round trip of the floor is mostly this wait, and the batch that fills meanwhile is what the
// requests ask for. So the way asks for three round trips less what the floor has beyond one base.
//
// The window changes only while it holds up the stream. The shortest round trip is forgotten after a while, and where it fits no more. Then
// a probe looks for it anew: the window has the floor until all that was in flight, and the floor once more, is delivered, so that a round
// trip without a queue can be seen. A window that has no more than the floor shows such a round trip as well.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outbox {

class Window {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::duration<double>;

    struct Base {
        size_t events = 2048;
        size_t bytes = 3 << 20;
    };

    // At most as many bases as fit the memory in bytes: one base of small events takes 1.5 MB, with all that belongs to them.
    explicit Window(size_t memory) : Window(Base{}, bases_in(memory)) {}
    Window(Base base, double bases_max) : base_(base), bases_max_(std::max(1.0, bases_max)) {}
    // A window whose bound somebody has set: the bound stays.
    static Window fixed(size_t events) {
        Window window(Base{events, SIZE_MAX}, 1);
        window.is_fixed_ = true;
        return window;
    }
    // The memory in bytes from now on.
    void set_memory(size_t memory) {
        if (is_fixed_)
            return;
        bases_max_ = std::max(1.0, bases_in(memory));
        if (bases_ > bases_max_)
            resize(bases_max_);
    }

    bool is_fixed() const { return is_fixed_; }
    bool has_room() const { return share_ < bound(); }
    // The stream waits for room. `lanes`: the partitions that share what is in flight.
    void held_up(double lanes);

    // Called before an event is taken while nothing is in flight: the rest of the stream until now is none of the way's.
    void resumes(Time now) { delivered_at_ = now; }
    void taken(size_t bytes) { share_ += share_of(bytes); }
    void delivered(size_t bytes) {
        double share = share_of(bytes);
        share_ = std::max(0.0, share_ - share);
        epoch_.share += share;
        epoch_.bytes += bytes;
        epoch_.events++;
        has_delivered_ = true;
    }
    // Called after the deliveries that came together.
    void served(Time now);
    // Nothing is in flight any more; an event that is taken again counts again.
    void clear() {
        share_ = 0;
        epoch_ = {};
    }

    double bases() const { return bases_; }
    size_t events() const { return static_cast<size_t>(bases_ * static_cast<double>(base_.events)); } // up to 1.5 kB; a probe has fewer

private:
    static constexpr double gain = 3;                                  // round trips in flight
    static constexpr double lane_events = 256, lane_bytes = 128 << 10; // of a lane; the smaller demand counts
    static constexpr double growth_max = 3, shrink_max = 0.8;
    static constexpr double dead_band = 0.1; // smaller changes are ignored
    static constexpr double epoch_min_s = 0.025;
    // The shortest round trip is forgotten after so long, or so many of itself; sooner where the round trips of two epochs in turn are
    // several times as long, because then the way has become longer. One such epoch may have begun before a burst.
    static constexpr double forgotten_after_s = 30, forgotten_after_trips = 100;
    static constexpr double doubted_after_s = 1, doubted_after_trips = 10, doubted_beyond = 4;
    // A probe that shows a way so many times as long is repeated, since the broker may have been away for a moment.
    static constexpr double repeated_beyond = 2;
    static constexpr size_t epochs_remembered = 4;

    // An epoch lasts until the window is delivered once, so that each lane has its turn.
    struct Epoch {
        double share = 0, busy_s = 0;
        size_t events = 0, bytes = 0;
        bool was_held_up = false;
        bool is_measured = false; // all of its events were taken under one bound
    };
    struct RoundTrip {
        double s = 0; // 0: not known
        double floor = 1;
        Time seen_at{};
        bool is_doubted = false; // by the last epoch
    };

    static double bases_in(size_t memory) { return static_cast<double>(memory) / (3 << 19); }
    double bound() const { return is_probing() ? probe_bases_ : bases_; }
    double share_of(size_t bytes) const {
        return std::max(1 / static_cast<double>(base_.events), static_cast<double>(bytes) / static_cast<double>(base_.bytes));
    }
    bool is_probing() const { return probe_bases_ > 0; }
    bool note_round_trip(double round_trip_s, Time now);
    bool doubts(double round_trip_s, Time now);
    double floor() const { return std::clamp(bases_for_lanes(), 1.0, bases_max_); }
    double bases_for_lanes() const;
    void resize(double bases);
    void skip_epoch();
    void end_epoch(Time now);
    void adapt();

    Base base_;
    double bases_max_;
    bool is_fixed_ = false;
    double bases_ = 1;
    double share_ = 0; // what is in flight, in bases
    double lanes_ = 1;
    size_t mean_bytes_ = 0; // of an event, in the last epoch

    RoundTrip shortest_;
    double probe_bases_ = 0;   // the window while a probe lasts; 0: none does
    bool is_repeated_ = false; // the probe

    Epoch epoch_;
    bool has_delivered_ = false; // since served() was called
    Time delivered_at_{};
    std::array<double, epochs_remembered> rates_{}; // bases a second
    size_t rates_next_ = 0;
};

} // namespace outbox
