#include "fake_upstream.h"
#include "relay/loop/reader.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class ReaderTest : public testing::Test {
protected:
    void read(Reads reads = Reads::all) { reader_.read(upstream_, session_, sink_, confirmer_, reads); }

    Budget budget_{100000};
    FakeUpstream upstream_;
    FakeSink sink_;
    Session session_{1, budget_, [](const Rejected &) {}};
    Confirmer confirmer_{30s};
    Reader reader_{budget_};
    Clock::time_point now_{1000s};
};

TEST_F(ReaderTest, reads_until_nothing_is_left) {
    upstream_.bring(transaction("100", 2));
    upstream_.bring(transaction("200", 1));
    read();
    EXPECT_TRUE(reader_.has_read_all());
    EXPECT_EQ(sink_.in_flight_.size(), 3u);
    EXPECT_FALSE(reader_.sink_is_busy());
}

TEST_F(ReaderTest, stops_at_a_busy_sink_and_offers_the_same_events_again) {
    sink_.room_ = 1;
    upstream_.bring(transaction("100", 2));
    upstream_.bring(transaction("200", 1));
    read();
    EXPECT_TRUE(reader_.sink_is_busy());
    EXPECT_FALSE(reader_.has_read_all());
    EXPECT_FALSE(reader_.may_read(session_, Reads::all));
    EXPECT_EQ(upstream_.messages_.size(), 1u);
    sink_.room_ = 10;
    read();
    EXPECT_EQ(sink_.in_flight_.size(), 3u);
    EXPECT_TRUE(reader_.has_read_all());
}

TEST_F(ReaderTest, reads_no_more_than_the_budget_has_room_for) {
    Budget small(1);
    Session session(1, small, [](const Rejected &) {});
    Reader reader(small);
    upstream_.bring(transaction("100", 1));
    upstream_.bring(transaction("200", 1));
    reader.read(upstream_, session, sink_, confirmer_, Reads::all);
    EXPECT_EQ(upstream_.messages_.size(), 1u);
    EXPECT_FALSE(reader.may_read(session, Reads::all));
    sink_.in_flight_.clear();
    EXPECT_TRUE(reader.may_read(session, Reads::all));
}

TEST_F(ReaderTest, has_a_bound_for_one_look) {
    for (int i = 0; i < 4097; i++)
        upstream_.messages_.emplace_back(Keepalive{Lsn{0x100}, false});
    read();
    EXPECT_EQ(upstream_.messages_.size(), 1u);
    EXPECT_FALSE(reader_.has_read_all());
}

TEST_F(ReaderTest, reads_the_rest_of_a_transaction_and_nothing_more) {
    std::string lines = transaction("100", 2);
    size_t half = lines.find('\n', lines.find('\n') + 1);
    upstream_.bring(lines.substr(0, half));
    read();
    upstream_.bring(lines.substr(half + 1));
    upstream_.bring(transaction("200", 1));
    read(Reads::rest_of_transaction);
    EXPECT_EQ(sink_.in_flight_.size(), 2u);
    EXPECT_EQ(upstream_.messages_.size(), 1u) << "the next transaction is the next relay's";
    EXPECT_FALSE(reader_.may_read(session_, Reads::rest_of_transaction));
}

TEST_F(ReaderTest, gives_up_what_is_offered_where_nothing_is_to_be_read) {
    sink_.room_ = 0;
    upstream_.bring(transaction("100", 1));
    read();
    EXPECT_TRUE(session_.is_offering());
    read(Reads::nothing);
    EXPECT_FALSE(session_.is_offering());
    EXPECT_FALSE(reader_.sink_is_busy());
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(ReaderTest, deals_with_keepalives) {
    confirmer_.begin(60s, now_);
    confirmer_.update({}, now_);
    EXPECT_FALSE(confirmer_.is_due({}, now_));
    upstream_.bring(Keepalive{Lsn{0x300}, true});
    read();
    EXPECT_EQ(session_.confirmed(), Lsn{0x300});
    EXPECT_EQ(reader_.wal_end(), Lsn{0x300});
    EXPECT_TRUE(confirmer_.is_due({}, now_)) << "the server asked for an answer";
}

TEST_F(ReaderTest, an_ended_stream_is_lost) {
    upstream_.end();
    EXPECT_THROW(read(), StreamLost);
}

TEST_F(ReaderTest, a_quiet_stream_flushes_and_a_busy_one_takes_breath) {
    reader_.pause(sink_, false, now_);
    EXPECT_EQ(sink_.flushes_, 1);
    for (int i = 1; i <= 40; i++)
        upstream_.bring(transaction(std::to_string(100 + i), 1));
    read();
    reader_.pause(sink_, false, now_);
    EXPECT_EQ(sink_.flushes_, 1);
    EXPECT_TRUE(reader_.takes_breath());
    reader_.pause(sink_, true, now_);
    EXPECT_EQ(sink_.hurries_, 1);
    reader_.begin();
    EXPECT_FALSE(reader_.takes_breath());
}

} // namespace
} // namespace outbox
