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
//   have that many.
//
// The window changes only while it holds up the stream. The shortest round trip is forgotten after a while; then the window is one base for
// an epoch, so that a round trip without a queue can be seen. A window that has no more than the requests ask for shows such a round trip
// as well.
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
    // The memory in bytes from now on; a larger window shrinks step by step.
    void set_memory(size_t memory) {
        if (!is_fixed_)
            bases_max_ = std::max(1.0, bases_in(memory));
    }

    bool is_fixed() const { return is_fixed_; }
    bool has_room() const { return share_ < bound(); }
    // The stream waits for room. `lanes`: the partitions that share what is in flight.
    void held_up(double lanes);

    void taken(size_t bytes) { share_ += share_of(bytes); }
    void delivered(size_t bytes) {
        double share = share_of(bytes);
        share_ = std::max(0.0, share_ - share);
        epoch_.share += share;
        epoch_.bytes += bytes;
        epoch_.events++;
    }
    // Called after the deliveries that came together.
    void served(Time now) {
        if (epoch_.share >= bound() && now - epoch_.began_at >= epoch_min)
            end_epoch(now);
    }
    // Nothing is in flight any more; an event that is taken again counts again.
    void clear() { share_ = 0; }

    double bases() const { return bases_; }
    size_t events() const { return static_cast<size_t>(bases_ * static_cast<double>(base_.events)); } // small ones

private:
    static constexpr double gain = 3;                                  // round trips in flight
    static constexpr double lane_events = 256, lane_bytes = 128 << 10; // of a lane; the smaller demand counts
    static constexpr double growth_max = 2, shrink_max = 0.8;
    static constexpr double dead_band = 0.1; // smaller changes are ignored
    static constexpr Duration epoch_min{0.025};
    static constexpr std::chrono::seconds forgotten_after{30}; // or after a hundred round trips
    static constexpr size_t epochs_remembered = 4;

    // An epoch lasts until the window is delivered once, so that each lane has its turn.
    struct Epoch {
        Time began_at{};
        double share = 0;
        size_t events = 0, bytes = 0;
        bool was_held_up = false;
    };

    static double bases_in(size_t memory) { return static_cast<double>(memory) / (3 << 19); }
    double bound() const { return is_probing_ ? 1 : bases_; }
    double share_of(size_t bytes) const {
        return std::max(1 / static_cast<double>(base_.events), static_cast<double>(bytes) / static_cast<double>(base_.bytes));
    }
    void note_round_trip(double round_trip_s, Time now);
    double floor() const { return std::clamp(bases_for_lanes(), 1.0, bases_max_); }
    double bases_for_lanes() const;
    void resize(double bases);
    void end_epoch(Time now);

    Base base_;
    double bases_max_;
    bool is_fixed_ = false;
    double bases_ = 1;
    double share_ = 0; // what is in flight, in bases
    double lanes_ = 1;
    size_t mean_bytes_ = 0; // of an event, in the last epoch

    double shortest_s_ = 0; // the shortest round trip in seconds; 0: not known
    Time shortest_at_{};
    bool is_probing_ = false; // the window is one base

    Epoch epoch_;
    std::array<double, epochs_remembered> rates_{}; // bases a second
    size_t rates_next_ = 0;
};

} // namespace outbox
