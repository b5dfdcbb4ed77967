// The bound on what is in flight, with simulated brokers, which have a round trip, a number of partitions, and CPU time for each request
// and each event.
#include "relay/core/lanes.h"
#include "relay/core/window.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace outbox {
namespace {

constexpr Window::Base base{};
constexpr double bases_max = 170;

struct Broker {
    double round_trip_s;
    size_t partitions;
    double request_s = 40e-6, event_s = 1.5e-6; // CPU time of the broker
};

// As librdkafka does: a request for each partition in turn, at most five on their way and one of each partition, each with all events of
// the partition by then.
class Simulation {
public:
    Simulation(Broker broker, Window window)
        : broker_(broker),
          window_(window),
          queues_(broker.partitions),
          first_s_(broker.partitions),
          lane_(broker.partitions),
          busy_(broker.partitions),
          used_(broker.partitions) {}

    // A source with more events than the broker takes, or with this many events a second.
    void run(double seconds, double events_per_s = 1e6) {
        for (double until = now_s_ + seconds; now_s_ < until; now_s_ += tick_s) {
            receive();
            offer(events_per_s);
            send();
            lowest_ = std::min(lowest_, window_.bases());
            highest_ = std::max(highest_, window_.bases());
        }
    }
    double rate(double seconds) {
        size_t before = delivered_;
        lowest_ = highest_ = window_.bases();
        run(seconds);
        return static_cast<double>(delivered_ - before) / seconds;
    }
    // The window settles within a second, or within a few turns of all partitions where these take longer.
    void settle() { run(1 + 8 * turn_s()); }
    double settled_rate() {
        settle();
        return rate(std::max(2.0, 4 * turn_s()));
    }
    void move(double round_trip_s) { broker_.round_trip_s = round_trip_s; }
    void stall(double seconds) { free_s_ = std::max(free_s_, now_s_) + seconds; } // the broker is away
    void use(size_t partitions) { used_ = partitions; }                           // the stream has events for so many only
    void set_memory(size_t memory) { window_.set_memory(memory); }

    const Window &window() const { return window_; }
    double lowest() const { return lowest_; }
    double highest() const { return highest_; }

private:
    static constexpr double tick_s = 100e-6;
    static constexpr size_t requests_max = 5, batch_max = 4096;
    static constexpr double linger_s = 2e-3;

    struct Request {
        double back_s;
        size_t events, partition;
    };

    Window::Time time() const {
        return Window::Time{} + std::chrono::hours(1) + std::chrono::duration_cast<Window::Time::duration>(Window::Duration(now_s_));
    }

    double turn_s() const { return broker_.round_trip_s * static_cast<double>(broker_.partitions) / requests_max; }

    void receive() {
        for (; !requests_.empty() && requests_.front().back_s <= now_s_; requests_.pop_front()) {
            for (size_t i = 0; i < requests_.front().events; i++)
                window_.delivered(100);
            delivered_ += requests_.front().events;
            busy_[requests_.front().partition] = false;
        }
        window_.served(time());
    }
    void offer(double events_per_s) {
        for (credit_ = std::min(credit_ + events_per_s * tick_s, 10000.0); credit_ >= 1; credit_--) {
            if (!window_.has_room())
                return window_.held_up(lanes_.count());
            size_t event = ++events_, partition = (event * 2654435761U >> 7) % used_;
            if (events_ == delivered_ + 1)
                window_.resumes(time());
            window_.taken(100);
            lanes_.taken(lane_[partition]);
            if (queues_[partition]++ == 0)
                first_s_[partition] = now_s_;
        }
    }
    void send() {
        for (size_t looked = 0; requests_.size() < requests_max && looked < queues_.size(); looked++) {
            size_t partition = next_++ % queues_.size();
            size_t &queue = queues_[partition];
            if (busy_[partition] || queue == 0 || (queue < batch_max && now_s_ < first_s_[partition] + linger_s))
                continue;
            size_t count = std::min(queue, batch_max);
            queue -= count;
            double begun_s = std::max(free_s_, now_s_ + broker_.round_trip_s / 2);
            free_s_ = begun_s + broker_.request_s + static_cast<double>(count) * broker_.event_s;
            requests_.push_back({free_s_ + broker_.round_trip_s / 2, count, partition});
            busy_[partition] = true;
        }
    }

    Broker broker_;
    Window window_;
    std::vector<size_t> queues_;  // the events of each partition
    std::vector<double> first_s_; // when the first event of the queue came
    std::vector<Lanes::Lane> lane_;
    std::vector<bool> busy_; // a request of the partition is on its way
    size_t used_;
    Lanes lanes_;
    std::deque<Request> requests_;
    double now_s_ = 0, free_s_ = 0, credit_ = 0, lowest_ = 1, highest_ = 1;
    size_t next_ = 0, events_ = 0, delivered_ = 0;
};

double best_fixed_rate(const Broker &broker, double most = bases_max) {
    double best = 0;
    for (double bases = 1; bases <= most; bases *= 2) {
        Simulation simulation(broker, Window::fixed(static_cast<size_t>(bases * static_cast<double>(base.events))));
        best = std::max(best, simulation.settled_rate());
    }
    return best;
}

TEST(Lanes, counts_those_with_few_events_for_less) {
    Lanes lanes;
    std::vector<Lanes::Lane> lane(100);
    for (int i = 0; i < 4096; i++)
        lanes.taken(lane[i % 100]);
    EXPECT_NEAR(lanes.count(), 100, 1);
    for (int i = 0; i < 4096; i++)
        lanes.taken(lane[i % 100 == 0 ? i / 100 % 100 : 0]);
    EXPECT_LT(lanes.count(), 2);
}

TEST(Window, is_as_good_as_the_best_bound_that_a_search_finds) {
    for (double most : {32.0, bases_max}) // the memory is too small for some, and large enough
        for (size_t partitions : {1, 48, 300})
            for (double round_trip_s : {0.1e-3, 5e-3, 20e-3, 100e-3}) {
                Broker broker{round_trip_s, partitions};
                Simulation simulation(broker, Window(base, most));
                EXPECT_GE(simulation.settled_rate(), 0.95 * best_fixed_rate(broker, most))
                    << partitions << " partitions, " << round_trip_s << " s, at most " << most << " bases";
            }
}

TEST(Window, stays_where_it_is_once_it_has_settled) {
    for (size_t partitions : {1, 48, 300})
        for (double round_trip_s : {0.1e-3, 20e-3, 100e-3}) {
            Simulation simulation({round_trip_s, partitions}, Window(base, bases_max));
            simulation.settled_rate();
            EXPECT_LE(simulation.highest(), 2 * simulation.lowest()) << partitions << " partitions, " << round_trip_s << " s";
        }
}

// The shortest round trip is forgotten each half minute, and looked for with a smaller window, which is no reason to shrink. The forty
// seconds have such a probe, which costs some tenths of a second; the two seconds after them have none.
TEST(Window, is_as_good_after_a_minute) {
    for (Broker broker : {Broker{20e-3, 5}, Broker{5e-3, 48}, Broker{20e-3, 48}}) {
        Simulation simulation(broker, Window(base, bases_max));
        simulation.run(25);
        double best = best_fixed_rate(broker);
        EXPECT_GE(simulation.rate(40), 0.95 * best) << broker.partitions << " partitions, " << broker.round_trip_s << " s";
        EXPECT_LE(simulation.highest(), 2 * simulation.lowest()) << broker.partitions << " partitions, " << broker.round_trip_s << " s";
        EXPECT_GE(simulation.rate(2), 0.95 * best) << broker.partitions << " partitions, " << broker.round_trip_s << " s";
    }
}

TEST(Window, stays_small_where_more_only_waits) {
    Simulation simulation({0.1e-3, 1}, Window(base, bases_max));
    simulation.run(2);
    EXPECT_LE(simulation.highest(), 7.5);
}

TEST(Window, grows_no_further_than_the_memory) {
    Simulation simulation({100e-3, 300}, Window(base, 3));
    simulation.run(2);
    EXPECT_EQ(simulation.window().bases(), 3);
}

// Small changes are ignored, but not the last step to the memory.
TEST(Window, uses_all_of_the_memory_where_the_way_asks_for_more) {
    for (double most = 26; most <= 34; most++) {
        Simulation simulation({20e-3, 48}, Window(base, most));
        simulation.settle();
        EXPECT_EQ(simulation.window().bases(), most);
    }
}

TEST(Window, grows_and_shrinks_with_the_memory_that_an_operator_changes) {
    Window window(base, 3);
    Simulation simulation({100e-3, 300}, window);
    simulation.run(5);
    EXPECT_EQ(simulation.window().bases(), 3);
    simulation.set_memory(size_t{64} << 20);
    simulation.run(5);
    EXPECT_GT(simulation.window().bases(), 30);
    simulation.set_memory(size_t{1} << 20); // room for less than one base
    EXPECT_EQ(simulation.window().bases(), 1);
    EXPECT_GT(simulation.rate(60), 0);
    EXPECT_EQ(simulation.highest(), 1);
}

TEST(Window, does_not_grow_for_a_stream_that_it_does_not_hold_up) {
    Simulation simulation({20e-3, 300}, Window(base, bases_max));
    simulation.run(10, 1000);
    EXPECT_EQ(simulation.highest(), 1);
}

TEST(Window, shrinks_when_what_asked_for_it_is_over) {
    Broker slow{1, 5, 40e-6, 20e-6};
    Simulation simulation(slow, Window(base, bases_max));
    simulation.run(20);
    EXPECT_GT(simulation.window().bases(), 8);
    simulation.move(0.1e-3);
    simulation.run(150);
    EXPECT_LT(simulation.window().bases(), 4.5);
}

// The shortest round trip of the time before would keep the window small.
TEST(Window, finds_out_that_the_way_has_become_longer) {
    Broker slow{1e-3, 5, 40e-6, 20e-6};
    Simulation simulation(slow, Window(base, bases_max));
    simulation.run(1);
    EXPECT_LE(simulation.window().bases(), 4.5);
    simulation.move(200e-3);
    simulation.run(10);
    double grown = simulation.rate(3);
    EXPECT_GE(grown, 0.9 * 1 / slow.event_s);
}

// Where the rate is what is in flight by the way, a window that shrinks because the rate fell would make the rate fall further.
TEST(Window, keeps_its_size_where_the_way_becomes_several_times_as_long) {
    Simulation simulation({20e-3, 5}, Window(base, bases_max));
    simulation.settle();
    double bases = simulation.window().bases();
    simulation.move(120e-3);
    simulation.run(10);
    simulation.rate(20);
    EXPECT_GE(simulation.lowest(), 0.8 * bases);
}

TEST(Window, is_small_again_after_a_transaction_to_many_partitions) {
    Simulation simulation({1e-3, 48}, Window(base, bases_max));
    simulation.use(1);
    simulation.run(2);
    double bases = simulation.window().bases();
    simulation.use(48);
    simulation.run(1);
    EXPECT_GT(simulation.window().bases(), 1.5 * bases);
    simulation.use(1);
    simulation.run(3);
    EXPECT_LE(simulation.window().bases(), 1.2 * bases);
}

// The pauses of the stream are none of the way's, whenever the shortest round trip is looked for.
TEST(Window, stays_small_for_a_stream_of_bursts) {
    Simulation simulation({1e-3, 1}, Window(base, bases_max));
    for (int i = 0; i < 200; i++) {
        simulation.run(12e-3 + (i % 7) * 3e-3);
        simulation.run(1, 0);
        EXPECT_LE(simulation.window().bases(), 7.5);
    }
}

// An epoch that begins before a burst has a long round trip, which is no reason to look for a shorter one in the burst.
TEST(Window, lets_each_burst_fill_a_long_way) {
    Broker broker{50e-3, 5};
    Simulation simulation(broker, Window(base, bases_max));
    simulation.settle();
    Simulation fixed(broker, Window::fixed(simulation.window().events()));
    double bursts = 0, best = 0;
    for (int i = 0; i < 8; i++) {
        for (auto [each, sum] : {std::pair(&simulation, &bursts), std::pair(&fixed, &best)}) {
            each->run(3, 5000);
            *sum += each->rate(0.5);
        }
    }
    EXPECT_GE(bursts, 0.95 * best);
}

TEST(Window, stays_small_where_the_broker_is_away_now_and_then) {
    Simulation simulation({1e-3, 1}, Window(base, bases_max));
    simulation.run(2);
    for (int i = 0; i < 100; i++) {
        simulation.stall(2);
        simulation.run(2 + 37e-3 + (i % 11) * 10e-3);
        EXPECT_LE(simulation.window().bases(), 20);
    }
}

TEST(Window, that_somebody_has_set_stays) {
    Window window = Window::fixed(2);
    window.taken(size_t{1} << 30);
    EXPECT_TRUE(window.has_room());
    window.taken(1);
    EXPECT_FALSE(window.has_room());
    window.delivered(size_t{1} << 30);
    EXPECT_TRUE(window.has_room());
    window.set_memory(size_t{1} << 30);
    window.taken(1);
    EXPECT_FALSE(window.has_room());
}

TEST(Window, counts_large_events_by_their_bytes) {
    Window window(size_t{8} << 20);
    window.taken(size_t{2} << 20);
    EXPECT_TRUE(window.has_room());
    window.taken(size_t{2} << 20);
    EXPECT_FALSE(window.has_room());
    window.clear();
    EXPECT_TRUE(window.has_room());
}

} // namespace
} // namespace outbox
