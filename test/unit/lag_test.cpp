#include "relay/core/lag.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

constexpr Lag::Ms t = 1'000'000'000; // the start of the process

class LagTest : public testing::Test {
protected:
    void look(Lag::Ms at, uint64_t wal_end, uint64_t confirmed, bool is_active = true, Lag::Ms inactive_since = 0) {
        lag_.look({at, Lsn{wal_end}, Lsn{confirmed}, is_active, inactive_since});
    }
    void idle(Lag::Ms now, uint64_t delivered) { lag_.turn(now, 0, {}, Lsn{delivered}); }
    void busy(Lag::Ms now, Lag::Ms commit, uint64_t end, uint64_t delivered) { lag_.turn(now, commit, Lsn{end}, Lsn{delivered}); }

    Lag lag_{t};
};

TEST_F(LagTest, of_an_idle_stream_is_none) {
    look(t, 100, 100);
    idle(t + 1000, 100);
    EXPECT_EQ(lag_.since(t + 1000), 0);
    look(t + 10000, 180, 100); // the server has written WAL without an event
    EXPECT_EQ(lag_.since(t + 10000), 0);
    idle(t + 10100, 180);
    EXPECT_EQ(lag_.since(t + 60000), 0) << "also where nobody looks";
}

TEST_F(LagTest, of_what_is_in_flight_is_exact) {
    look(t, 100, 100);
    busy(t + 5000, t + 4321, 150, 100);
    EXPECT_EQ(lag_.since(t + 5000), t + 4321);
    idle(t + 6000, 150);
    EXPECT_EQ(lag_.since(t + 6000), 0);
}

TEST_F(LagTest, grows_while_a_stream_brings_nothing_though_there_is_wal) {
    look(t, 100, 100);
    idle(t + 1, 100);
    look(t + 10000, 500, 100);
    EXPECT_EQ(lag_.since(t + 10000), 0) << "the server may have had no time to send it";
    look(t + 20000, 900, 100);
    EXPECT_EQ(lag_.since(t + 20000), t + 10000);
    look(t + 30000, 900, 500);
    EXPECT_EQ(lag_.since(t + 30000), t + 20000) << "what was there at the first look is delivered";
    idle(t + 31000, 900);
    EXPECT_EQ(lag_.since(t + 31000), 0);
}

TEST_F(LagTest, of_a_backlog_at_the_start_is_not_none) {
    look(t + 100, 900, 100);
    idle(t + 200, 0);
    EXPECT_EQ(lag_.since(t + 5000), t + 100);
}

TEST_F(LagTest, of_a_slot_that_nobody_read_counts_from_its_reader_s_end) {
    look(t + 100, 900, 100, false, t - 3'600'000);
    EXPECT_EQ(lag_.since(t + 200), t - 3'600'000);
}

TEST_F(LagTest, grows_from_the_oldest_in_flight_when_the_stream_is_lost) {
    look(t, 100, 100);
    busy(t + 2000, t + 1000, 150, 100);
    lag_.turn_without_stream();
    EXPECT_EQ(lag_.since(t + 90000), t + 1000);
    idle(t + 91000, 100); // a new session, before its first line
    EXPECT_EQ(lag_.since(t + 91000), t + 1000);
    busy(t + 92000, t + 1000, 150, 100);
    EXPECT_EQ(lag_.since(t + 92000), t + 1000);
    idle(t + 93000, 150);
    EXPECT_EQ(lag_.since(t + 93000), 0);
}

TEST_F(LagTest, grows_from_when_nothing_was_missing_where_the_server_is_away) {
    look(t, 100, 100);
    idle(t + 50000, 100);
    lag_.turn_without_stream();
    EXPECT_EQ(lag_.since(t + 90000), t + 50000);
}

TEST_F(LagTest, of_a_standby_is_none_while_the_other_relay_delivers) {
    lag_.turn_without_stream();
    for (uint64_t i = 0; i < 10; i++) {
        look(t + static_cast<Lag::Ms>(i) * 10000, 1000 * (i + 1), 1000 * i + 900);
        if (i > 1) {
            EXPECT_EQ(lag_.since(t + static_cast<Lag::Ms>(i) * 10000 + 9000), 0);
        }
    }
}

TEST_F(LagTest, of_a_standby_grows_while_the_other_relay_delivers_nothing) {
    look(t, 100, 100);
    look(t + 10000, 200, 100);
    for (int i = 2; i < 2000; i++)
        look(t + i * 10000, 200 + static_cast<uint64_t>(i), 100);
    EXPECT_EQ(lag_.since(t + 20'000'000), t + 10000);
    look(t + 20'000'000, 5000, 1000);
    EXPECT_GT(lag_.since(t + 20'000'000), t + 7'000'000) << "and shrinks with what is delivered";
    look(t + 20'010'000, 5000, 5000);
    EXPECT_EQ(lag_.since(t + 20'020'000), 0);
}

TEST_F(LagTest, where_nobody_reads_the_slot_grows_from_the_first_look) {
    look(t, 100, 100, false);
    EXPECT_EQ(lag_.since(t + 1000), 0);
    look(t + 10000, 200, 100, false);
    EXPECT_EQ(lag_.since(t + 10000), t + 10000);
    EXPECT_EQ(lag_.since(t + 500000), t + 10000) << "also where no look follows";
}

TEST_F(LagTest, of_another_server_starts_again) {
    look(t, 9000, 9000);
    idle(t + 1, 9000);
    lag_.turn_without_stream();
    look(t + 10000, 500, 100, false); // after a failover, with less WAL
    EXPECT_EQ(lag_.since(t + 11000), t + 10000);
}

} // namespace
} // namespace outbox
