#include "relay/core/tracker.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

namespace outbox {
namespace {

TEST(Tracker, knows_nothing_at_the_start) {
    Tracker tracker;
    EXPECT_TRUE(tracker.idle());
    EXPECT_EQ(tracker.confirmed(), Lsn{0});
}

TEST(Tracker, confirms_a_transaction_when_its_last_event_is_delivered) {
    Tracker tracker;
    auto number = tracker.begin(Lsn{100});
    tracker.add();
    tracker.add();
    tracker.commit(Lsn{100});
    tracker.delivered(number);
    EXPECT_EQ(tracker.confirmed(), Lsn{0});
    tracker.delivered(number);
    EXPECT_EQ(tracker.confirmed(), Lsn{100});
    EXPECT_TRUE(tracker.idle());
}

TEST(Tracker, does_not_confirm_an_open_transaction_whose_events_are_all_delivered) {
    Tracker tracker;
    auto number = tracker.begin(Lsn{100});
    tracker.add();
    tracker.delivered(number);
    EXPECT_EQ(tracker.confirmed(), Lsn{0});
    EXPECT_FALSE(tracker.idle());
    tracker.commit(Lsn{100});
    EXPECT_EQ(tracker.confirmed(), Lsn{100});
}

TEST(Tracker, confirms_in_commit_order_only) {
    Tracker tracker;
    auto first = tracker.begin(Lsn{100});
    tracker.add();
    tracker.commit(Lsn{100});
    auto second = tracker.begin(Lsn{200});
    tracker.add();
    tracker.commit(Lsn{200});
    tracker.delivered(second);
    EXPECT_EQ(tracker.confirmed(), Lsn{0});
    tracker.delivered(first);
    EXPECT_EQ(tracker.confirmed(), Lsn{200});
}

TEST(Tracker, confirms_a_transaction_without_events_in_its_turn) {
    Tracker tracker;
    auto first = tracker.begin(Lsn{100});
    tracker.add();
    tracker.commit(Lsn{100});
    tracker.begin(Lsn{200});
    tracker.commit(Lsn{200});
    EXPECT_EQ(tracker.confirmed(), Lsn{0});
    tracker.delivered(first);
    EXPECT_EQ(tracker.confirmed(), Lsn{200});
}

TEST(Tracker, confirms_a_keepalive_only_when_nothing_is_in_flight) {
    Tracker tracker;
    tracker.keepalive(Lsn{50});
    EXPECT_EQ(tracker.confirmed(), Lsn{50});
    auto number = tracker.begin(Lsn{100});
    tracker.add();
    tracker.keepalive(Lsn{90});
    tracker.commit(Lsn{100});
    tracker.keepalive(Lsn{150}); // arrives right after the commit, before Kafka has the event
    EXPECT_EQ(tracker.confirmed(), Lsn{50});
    tracker.delivered(number);
    EXPECT_EQ(tracker.confirmed(), Lsn{150});
}

TEST(Tracker, never_goes_back) {
    Tracker tracker;
    tracker.keepalive(Lsn{500});
    tracker.keepalive(Lsn{400});
    tracker.begin(Lsn{300});
    tracker.commit(Lsn{300});
    EXPECT_EQ(tracker.confirmed(), Lsn{500});
}

TEST(Tracker, refuses_what_cannot_be) {
    Tracker tracker;
    EXPECT_THROW(tracker.add(), std::logic_error);
    EXPECT_THROW(tracker.commit(Lsn{1}), std::logic_error);
    EXPECT_THROW(tracker.delivered(0), std::logic_error);
    auto number = tracker.begin(Lsn{100});
    EXPECT_THROW(tracker.begin(Lsn{200}), std::logic_error);
    EXPECT_THROW(tracker.commit(Lsn{99}), std::logic_error);
    EXPECT_THROW(tracker.delivered(number), std::logic_error); // the transaction has no event
    EXPECT_THROW(tracker.delivered(number + 1), std::logic_error);
}

TEST(Tracker, keeps_its_order_while_the_ring_grows_and_turns) {
    Tracker tracker;
    std::vector<Tracker::Number> numbers;
    uint64_t end = 0;
    for (int round = 0; round < 3; round++) {
        numbers.clear();
        for (int i = 0; i < 1500 + round * 1000; i++) {
            numbers.push_back(tracker.begin(Lsn{++end}));
            tracker.add();
            tracker.commit(Lsn{end});
        }
        for (auto number : numbers)
            tracker.delivered(number);
        EXPECT_EQ(tracker.confirmed(), Lsn{end});
    }
}

// A naive model of the tracker: it keeps everything, and searches for each answer from the start.
class Model {
public:
    void begin(uint64_t end) { transactions_.push_back({end, 0, 0, false}); }
    void add() { transactions_.back().events++; }
    void commit() { transactions_.back().committed = true; }
    void delivered(size_t number) { transactions_[number].delivered++; }
    void keepalive(uint64_t wal_end) { keepalive_ = std::max(keepalive_, wal_end); }

    uint64_t confirmed() {
        for (const Transaction &transaction : transactions_) {
            if (!transaction.committed || transaction.delivered < transaction.events)
                return confirmed_;
            confirmed_ = std::max(confirmed_, transaction.end);
        }
        return confirmed_ = std::max(confirmed_, keepalive_);
    }

private:
    struct Transaction {
        uint64_t end, events, delivered;
        bool committed;
    };
    std::vector<Transaction> transactions_;
    uint64_t keepalive_ = 0, confirmed_ = 0;
};

// One random schedule of what the server may send and Kafka may report, in any possible order.
void run_schedule(uint32_t seed) {
    std::mt19937 random(seed);
    auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    Tracker tracker;
    Model model;
    std::vector<Tracker::Number> in_flight;
    uint64_t lsn = 1, open_end = 0;
    Tracker::Number open = 0;
    int steps = 10 + static_cast<int>(random() % 60), deliver_percent = 10 + static_cast<int>(random() % 80);
    for (int step = 0; step < steps; step++) {
        if (chance(deliver_percent) && !in_flight.empty()) {
            size_t which = random() % in_flight.size();
            tracker.delivered(in_flight[which]);
            model.delivered(in_flight[which]);
            in_flight.erase(in_flight.begin() + static_cast<long>(which));
        } else if (chance(15)) {
            lsn += random() % 3;
            tracker.keepalive(Lsn{lsn});
            model.keepalive(lsn);
        } else if (!tracker.in_transaction()) {
            lsn += 1 + random() % 5;
            open_end = lsn;
            open = tracker.begin(Lsn{lsn});
            model.begin(lsn);
        } else if (chance(60)) {
            tracker.add();
            model.add();
            in_flight.push_back(open);
        } else {
            tracker.commit(Lsn{open_end});
            model.commit();
        }
        ASSERT_EQ(static_cast<uint64_t>(tracker.confirmed()), model.confirmed()) << "schedule " << seed << ", step " << step;
    }
}

TEST(Tracker, agrees_with_a_naive_model_over_random_schedules) {
    constexpr uint32_t schedules = 200000;
    const char *given = getenv("SEED");
    uint32_t seed = given != nullptr ? static_cast<uint32_t>(strtoul(given, nullptr, 10)) : std::random_device()();
    std::cout << "SEED=" << seed << " (" << schedules << " schedules from here)" << std::endl;
    for (uint32_t i = 0; i < schedules && !testing::Test::HasFatalFailure(); i++)
        run_schedule(seed + i);
}

} // namespace
} // namespace outbox
