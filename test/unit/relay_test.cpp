// The relay's loop with an upstream and a sink that the test controls, without PostgreSQL and Kafka.
#include "fake_upstream.h"
#include "relay/loop/relay.h"

#include <gtest/gtest.h>

#include <sys/eventfd.h>

#include <algorithm>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class RelayTest : public testing::Test {
protected:
    RelayTest() : signals_(eventfd(0, EFD_NONBLOCK)) {}
    ~RelayTest() override { close(signals_); }

    // Calls the function at every turn of the loop, with its number.
    void run(const std::function<void(int)> &at_turn, Goal goal = {}) {
        int turns = 0;
        auto end = Clock::now() + 20s; // no number of turns: a turn takes a microsecond, and a confirmation waits for milliseconds
        RelayParts parts = {.upstream = upstream_,
                            .shutdown = shutdown_,
                            .slot = slot_,
                            .make_sink =
                                [this](DeliveryListener &listener, Budget &) {
                                    auto sink = std::make_unique<FakeSink>(&listener);
                                    sink_ = sink.get();
                                    sink->refused_topic_ = "refused";
                                    sinks_++;
                                    return sink;
                                },
                            .on_state =
                                [&](RelayState state) {
                                    if (states_.empty() || states_.back() != state)
                                        states_.push_back(state);
                                    if (Clock::now() > end)
                                        throw std::runtime_error("the relay does not come to an end");
                                    at_turn(++turns);
                                },
                            .status = status_,
                            .signals = signals_};
        Relay relay({.bounds = {.max_in_flight_bytes = 1 << 20, .shutdown_grace = 200ms}, .goal = std::move(goal)}, parts);
        relay.run();
    }
    Goal reach(Lsn position) {
        return Goal([=] { return std::optional(position); }, "");
    }

    FakeUpstream upstream_;
    FakeShutdownInquiry shutdown_;
    FakeSlotInquiry slot_;
    Status status_;
    int signals_, sinks_ = 0;
    FakeSink *sink_ = nullptr;
    std::vector<RelayState> states_;
};

TEST_F(RelayTest, delivers_confirms_and_ends_at_its_goal) {
    upstream_.bring(transaction("100", 2));
    run([](int) {}, reach(Lsn{0x100}));
    EXPECT_EQ(upstream_.confirmed_.back(), Lsn{0x100});
    EXPECT_EQ(status_.events_delivered, 2u);
    EXPECT_TRUE(upstream_.has_ended()) << "it says goodbye and waits for the answer";
    EXPECT_EQ(states_.front(), RelayState::connecting);
    EXPECT_EQ(states_.back(), RelayState::draining);
}

TEST_F(RelayTest, confirms_nothing_before_the_sink_has_delivered_it) {
    upstream_.bring(transaction("100", 1));
    run(
        [&](int) {
            sink_->delivers_ = false;
            if (!upstream_.messages_.empty() || sink_->empty())
                return;
            for (Lsn confirmed : upstream_.confirmed_)
                EXPECT_EQ(confirmed, Lsn{});
            sink_->deliver();
        },
        reach(Lsn{0x100}));
    EXPECT_EQ(upstream_.confirmed_.back(), Lsn{0x100});
}

TEST_F(RelayTest, connects_again_and_counts_a_session_that_streamed) {
    upstream_.refusals_ = 2;
    bool was_cut = false;
    run(
        [&](int) {
            upstream_.is_cut_ = upstream_.is_streaming() && !std::exchange(was_cut, was_cut || upstream_.is_streaming());
            if (upstream_.is_cut_)
                upstream_.wake();
            else if (was_cut && upstream_.messages_.empty() && upstream_.is_streaming() && status_.events_delivered == 0 && sink_->empty())
                upstream_.bring(transaction("100", 1));
        },
        reach(Lsn{0x100}));
    EXPECT_EQ(upstream_.opened_, 4);
    EXPECT_EQ(status_.sessions_lost, 1u);
}

TEST_F(RelayTest, a_sink_that_fails_is_replaced_and_the_stream_begins_again) {
    upstream_.bring(transaction("100", 1));
    bool has_failed = false;
    run(
        [&](int) {
            if (!has_failed && !sink_->empty()) {
                sink_->fails_ = has_failed = true;
                upstream_.bring(transaction("100", 1)); // the slot sends the transaction again
            }
        },
        reach(Lsn{0x100}));
    EXPECT_EQ(sinks_, 2);
    EXPECT_EQ(upstream_.opened_, 2);
    EXPECT_EQ(status_.producers_lost, 1u);
    EXPECT_EQ(upstream_.confirmed_.back(), Lsn{0x100});
}

TEST_F(RelayTest, a_refused_event_ends_it_when_all_before_is_confirmed) {
    upstream_.bring(transaction("100", 1));
    upstream_.bring(transaction("200", 1, "refused"));
    upstream_.bring(transaction("300", 1));
    try {
        run([](int) {});
        FAIL() << "it goes on";
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), ExitCode::poisoned_event);
    }
    EXPECT_EQ(upstream_.confirmed_.back(), Lsn{0x100});
    EXPECT_EQ(upstream_.messages_.size(), 0u) << "the goodbye reads what still comes";
    EXPECT_EQ(status_.events_delivered, 1u);
}

TEST_F(RelayTest, a_goal_that_is_not_there_is_a_failure) {
    upstream_.source_.wal_end = upstream_.source_.confirmed = Lsn{0x100};
    EXPECT_THROW(run([](int) {}, Goal([] { return std::optional<Lsn>(); }, "nothing waits")), Failure);
}

TEST_F(RelayTest, gives_way_to_a_server_that_shuts_down_while_kafka_takes_nothing) {
    shutdown_.answer_ = ShutdownInquiry::Answer::running;
    upstream_.bring(transaction("100", 1));
    bool has_asked = false;
    run(
        [&](int) {
            sink_->delivers_ = has_asked;
            has_asked = has_asked || shutdown_.started_ > 0;
            usleep(1000);
        },
        reach(Lsn{0x100}));
    EXPECT_GE(shutdown_.started_, 1) << "it never asked whether the server shuts down";
    EXPECT_NE(std::find(states_.begin(), states_.end(), RelayState::waiting_for_kafka), states_.end());
}

} // namespace
} // namespace outbox
