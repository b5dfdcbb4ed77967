#include "relay/core/plugin_dialect.h"
#include "relay/core/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace outbox {
namespace {

// A sink that takes as many events as it has room for, and keeps their chunks until the test lets it deliver.
class RoomySink : public Sink {
public:
    Offer offer(const Begin &begin, const Event &event, Chunk &chunk) override {
        if (room == 0)
            return Offer::busy;
        if (passes)
            return Offer::passed;
        room--;
        ids.emplace_back(event.id);
        times.push_back(begin.commit_time_ms);
        in_flight.emplace_back(chunk.retain(10));
        ordinals.push_back(event.ordinal);
        return Offer::taken;
    }
    void flush() override {}
    void serve() override {}
    pollfd wanted() const override { return {}; }
    bool empty() const override { return in_flight.empty(); }

    void commit(const Commit &commit) override { commits.push_back(commit.end); }

    size_t room = 1000;
    bool passes = false;
    std::vector<uint64_t> ordinals;
    std::vector<Lsn> commits;
    std::vector<std::string> ids;
    std::vector<int64_t> times;
    std::vector<Chunk::Pointer> in_flight;
};

const std::string begin = R"({"begin":"0/100","xid":7,"ts":"2026-11-23T09:42:00.123456Z"})";
const std::string commit = R"({"commit":"0/100","events":)";

std::string event(const std::string &id) { return R"({"topic":"t","id":")" + id + R"(","payload":1})"; }

class SessionTest : public testing::Test {
protected:
    bool give(const std::string &lines) {
        Memory memory(strdup(lines.c_str()));
        std::string_view view(memory.get(), lines.size());
        session_.take({std::move(memory), view}, dialect_);
        return session_.offer(sink_);
    }
    void deliver(size_t which = 0) {
        session_.delivered(*sink_.in_flight[which]);
        sink_.in_flight.erase(sink_.in_flight.begin() + static_cast<long>(which));
    }

    Budget budget_{1000};
    RoomySink sink_;
    PluginDialect dialect_;
    int rejected_ = 0;
    Session session_{5, budget_, [this](const Rejected &) { rejected_++; }};
};

TEST_F(SessionTest, confirms_a_transaction_when_the_sink_has_delivered_it) {
    EXPECT_TRUE(give(begin + "\n" + event("a") + "\n" + event("b") + "\n" + commit + "2}"));
    EXPECT_EQ(sink_.ids, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(sink_.times, (std::vector<int64_t>{1795426920123, 1795426920123}));
    deliver(1);
    EXPECT_EQ(session_.confirmed(), Lsn{0});
    deliver();
    EXPECT_EQ(session_.confirmed(), Lsn{0x100});
    EXPECT_FALSE(session_.is_waiting());
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(SessionTest, keeps_a_transaction_together_over_many_chunks) {
    EXPECT_TRUE(give(begin + "\n" + event("a")));
    EXPECT_TRUE(give(event("b")));
    deliver();
    deliver();
    EXPECT_EQ(session_.confirmed(), Lsn{0}) << "confirmed before its commit";
    EXPECT_TRUE(give(commit + "2}"));
    EXPECT_EQ(session_.confirmed(), Lsn{0x100});
    EXPECT_EQ(sink_.times.back(), 1795426920123);
}

TEST_F(SessionTest, offers_again_what_a_busy_sink_did_not_take_and_nothing_else) {
    sink_.room = 1;
    EXPECT_FALSE(give(begin + "\n" + event("a") + "\n" + event("b") + "\n" + commit + "2}"));
    EXPECT_TRUE(session_.is_offering());
    EXPECT_FALSE(session_.offer(sink_));
    sink_.room = 5;
    EXPECT_TRUE(session_.offer(sink_));
    EXPECT_EQ(sink_.ids, (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(session_.is_offering());
}

TEST_F(SessionTest, counts_rejected_messages_and_confirms_past_them) {
    EXPECT_TRUE(give(begin + "\n" + R"({"rejected":"0/80","reason":"not an envelope"})" + "\n" + commit + "0}"));
    EXPECT_EQ(rejected_, 1);
    EXPECT_EQ(session_.confirmed(), Lsn{0x100});
}

TEST_F(SessionTest, awaits_no_delivery_of_what_was_delivered_before) {
    sink_.passes = true;
    EXPECT_TRUE(give(begin + "\n" + event("a")));
    sink_.passes = false;
    EXPECT_TRUE(give(event("b") + "\n" + commit + "2}"));
    EXPECT_EQ(sink_.ordinals, (std::vector<uint64_t>{2}));
    EXPECT_EQ(sink_.commits, (std::vector<Lsn>{Lsn{0x100}}));
    EXPECT_EQ(session_.confirmed(), Lsn{0});
    deliver();
    EXPECT_EQ(session_.confirmed(), Lsn{0x100});
}

TEST_F(SessionTest, takes_no_delivery_of_an_earlier_session_for_its_own) {
    EXPECT_TRUE(give(begin + "\n" + event("a") + "\n" + commit + "1}"));
    Session next(6, budget_, [](const Rejected &) {});
    next.delivered(*sink_.in_flight[0]);
    EXPECT_EQ(next.confirmed(), Lsn{0});
    EXPECT_EQ(session_.confirmed(), Lsn{0});
}

TEST_F(SessionTest, refuses_a_stream_in_which_something_is_missing) {
    EXPECT_THROW(give(event("a")), FormatError);
    EXPECT_THROW(give(commit + "0}"), FormatError);
    EXPECT_THROW(give(R"({"rejected":"0/80","reason":"x"})"), FormatError);
    EXPECT_TRUE(give(begin + "\n" + event("a")));
    EXPECT_THROW(give(begin), FormatError);
    EXPECT_THROW(give(commit + "2}"), FormatError);
    EXPECT_THROW(give(R"({"commit":"0/101","events":1})"), FormatError);
    EXPECT_TRUE(give(commit + "1}"));
}

TEST_F(SessionTest, tells_transactions_apart_that_share_a_copy_data) {
    std::string second = R"({"begin":"0/200","xid":8,"ts":"2026-11-23T09:42:01.123456Z"})" + ("\n" + event("c"));
    EXPECT_TRUE(give(begin + "\n" + event("a") + "\n" + event("b") + "\n" + commit + "2}\n" + second));
    EXPECT_TRUE(give(event("d") + "\n" + R"({"commit":"0/200","events":2})"));
    EXPECT_EQ(sink_.ids, (std::vector<std::string>{"a", "b", "c", "d"}));
    EXPECT_EQ(sink_.ordinals, (std::vector<uint64_t>{1, 2, 1, 2}));
    EXPECT_EQ(sink_.in_flight[1]->commit(), Lsn{0x100});
    EXPECT_EQ(sink_.in_flight[2]->commit(), Lsn{0x200});
    EXPECT_EQ(sink_.in_flight[3]->commit(), Lsn{0x200});
    EXPECT_EQ(session_.transactions(), 2u);
    deliver(3);
    deliver(2);
    EXPECT_EQ(session_.confirmed(), Lsn{0}); // the first transaction is still in flight
    deliver(0);
    EXPECT_EQ(session_.confirmed(), Lsn{0});
    deliver(0);
    EXPECT_EQ(session_.confirmed(), Lsn{0x200});
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(SessionTest, keeps_the_bytes_for_the_last_of_the_transactions_that_share_them) {
    EXPECT_TRUE(give(begin + "\n" + event("a") + "\n" + commit + "1}\n" +
                     R"({"begin":"0/200","xid":8,"ts":"2026-11-23T09:42:01.123456Z"})" + "\n" + event("b") + "\n" +
                     R"({"commit":"0/200","events":1})"));
    deliver(0);
    std::string_view lines = sink_.in_flight[0]->bytes();
    EXPECT_EQ(sink_.in_flight[0]->writable(lines), lines.data());
    EXPECT_EQ(lines.substr(lines.size() - 2), "1}");
    deliver(0);
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(SessionTest, confirms_no_keepalive_while_the_server_is_ahead) {
    EXPECT_TRUE(give(begin + "\n" + commit + "0}\n{\"ahead\":true}"));
    session_.keepalive(Lsn{0x300}); // a transaction before this position may not have been sent yet
    EXPECT_EQ(session_.confirmed(), Lsn{0x100});
    EXPECT_TRUE(give(R"({"ahead":false})"));
    EXPECT_EQ(session_.confirmed(), Lsn{0x100}); // nor later
    session_.keepalive(Lsn{0x200});
    EXPECT_EQ(session_.confirmed(), Lsn{0x200});
}

} // namespace
} // namespace outbox
