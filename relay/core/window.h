// How much may be in flight: enough that neither the way to Kafka nor the size of its requests costs speed, and no more, since more only
// fills memory and falls out of the processor's caches. The bound finds itself, as congestion control does; nobody sets it. Pure: the clock
// is the caller's. Tested by test/unit/window_test.cpp, against simulated brokers.
//
// The unit is the base: so many small events, or so many bytes of larger ones, as serve a broker nearby. The window is as many bases as
// two things ask for, whichever asks for more:
//
// - The way. What is delivered in one round trip has to be in flight, and as much again so that the broker always has work: twice the
//   fastest rate of late times the shortest round trip. Where more only waits in a queue, the round trip grows and not the rate, and the
//   window stays.
// - The requests. librdkafka sends one for each partition, which costs as much as some hundred events. What is in flight is shared by the
//   partitions: where the batches that come back are small, and nothing else than the window keeps them small, it has to be larger.
//
// It changes only while it is what holds up the stream. The shortest round trip is forgotten after a while; then the window is small for a
// moment, so that a round trip without a queue can be seen.
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
        size_t events = 6144;
        size_t bytes = 8 << 20;
    };

    // At most `bytes_max`, which may be less than the base.
    explicit Window(size_t bytes_max) : Window(Base{}, bytes_max) {}
    Window(Base base, size_t bytes_max)
        : base_{base.events, std::min(base.bytes, bytes_max)}, bases_max_(static_cast<double>(bytes_max) / base_.bytes) {}
    // A bound that somebody has set: it stays.
    static Window fixed(size_t events) { return Window(Base{events, SIZE_MAX}, SIZE_MAX); }

    bool has_room() const { return share_ < bound(); }
    // The stream waits, though Kafka's topic is ready.
    void held_up() { is_held_up_ = true; }

    // A record goes to Kafka. One at a time is timed, by its address.
    void taken(const void *record, size_t bytes, Time now) {
        share_ += share_of(bytes);
        if (timed_ == nullptr) {
            timed_ = record;
            timed_at_ = now;
            is_probe_ = is_probing_ && share_ <= probe_bases;
        }
    }
    // `batch` is the number of the batch in which the record was acknowledged.
    void delivered(const void *record, size_t bytes, uint64_t batch, Time now);
    // It did not get there, and counts again when it is taken again.
    void taken_back(size_t bytes) { leave(share_of(bytes)); }
    void forget_timed() { timed_ = nullptr; }

    double bases() const { return bases_; }
    size_t events() const { return static_cast<size_t>(bases_ * static_cast<double>(base_.events)); } // of small ones
    Duration round_trip() const { return shortest_; } // the shortest; 0: not known

private:
    static constexpr double gain = 2;                // round trips in flight
    static constexpr double events_wanted = 256;     // in a batch: a request's own costs are then a tenth
    static constexpr double bytes_wanted = 128 << 10; // of a batch of larger events
    static constexpr double growth_max = 2, shrink_max = 0.9;
    static constexpr double dead_band = 0.1; // a change that is smaller is none
    static constexpr double probe_bases = 0.5;
    static constexpr Duration epoch_min{0.01};
    static constexpr std::chrono::seconds forgotten_after{30};
    static constexpr size_t epochs_remembered = 8;

    struct Epoch {
        Time began_at{};
        double share = 0;
        size_t events = 0, bytes = 0, batches = 0;
    };

    double bound() const { return is_probing_ ? std::min(bases_, probe_bases) : bases_; }
    double share_of(size_t bytes) const {
        return std::max(1 / static_cast<double>(base_.events), static_cast<double>(bytes) / static_cast<double>(base_.bytes));
    }
    void leave(double share) { share_ = std::max(0.0, share_ - share); }
    void note_round_trip(Time now);
    void end_epoch(Time now);

    Base base_;
    double bases_max_;
    double bases_ = 1;
    double share_ = 0; // in flight, of a base
    bool is_held_up_ = false;

    const void *timed_ = nullptr;
    Time timed_at_{};
    Duration shortest_{0};
    Time shortest_at_{};
    bool is_probing_ = false; // the window is small for a moment
    bool is_probe_ = false;   // the timed record was taken then

    uint64_t batch_ = 0;
    Epoch epoch_;
    std::array<double, epochs_remembered> rates_{}; // bases a second
    size_t rates_next_ = 0;
};

} // namespace outbox
