// The events of one Kafka transaction.
#include "relay/core/batch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace outbox {
namespace {

using std::chrono::milliseconds;

constexpr Lsn first{200}, second{300};

class BatchTest : public testing::Test {
protected:
    Entry entry(Lsn transaction, uint64_t ordinal) {
        Memory memory(strdup("{}"));
        std::string_view lines(memory.get(), 2);
        Chunk::Pointer chunk = Chunk::create(std::move(memory), lines, 0, budget_);
        chunk->set_transaction(0, transaction);
        return Entry{std::move(chunk), lines, 0, ordinal};
    }
    void add(Lsn transaction, uint64_t ordinal) {
        batch_.add(entry(transaction, ordinal));
        batch_.taken(now_);
    }
    void expect_end(Lsn transaction, uint64_t ordinal, bool is_complete) {
        EXPECT_EQ(batch_.end().end, transaction);
        EXPECT_EQ(batch_.end().ordinal, ordinal);
        EXPECT_EQ(batch_.end().complete, is_complete);
    }

    Budget budget_{1 << 20};
    Batch batch_{milliseconds(100)};
    Batch::Time now_ = Batch::Time() + std::chrono::hours(1);
};

TEST_F(BatchTest, is_due_when_its_first_event_has_waited_long_enough_and_the_transaction_is_complete) {
    EXPECT_FALSE(batch_.is_due(now_, true)) << "there is nothing in it";
    EXPECT_EQ(batch_.due(now_), Batch::Time::max());
    add(first, 1);
    EXPECT_TRUE(batch_.is_due(now_, true));
    EXPECT_FALSE(batch_.is_due(now_ + milliseconds(100), false)) << "more of the transaction is to come";
    EXPECT_TRUE(batch_.is_due(now_ + Batch::split_after, false));
    batch_.transaction_ended(first);
    EXPECT_FALSE(batch_.is_due(now_ + milliseconds(99), false));
    EXPECT_TRUE(batch_.is_due(now_ + milliseconds(100), false));
    EXPECT_EQ(batch_.due(now_), now_ + milliseconds(100));
}

TEST_F(BatchTest, need_not_wait_where_the_last_one_was_closed_long_ago) {
    add(first, 1);
    EXPECT_FALSE(batch_.may_close_early(now_));
    batch_.transaction_ended(first);
    EXPECT_TRUE(batch_.may_close_early(now_));
    batch_.close(now_);
    batch_.remove_part();
    batch_.reopen();
    add(second, 1);
    batch_.transaction_ended(second);
    EXPECT_FALSE(batch_.may_close_early(now_ + milliseconds(99)));
    EXPECT_EQ(batch_.due(now_ + milliseconds(99)), now_ + milliseconds(100));
    EXPECT_TRUE(batch_.may_close_early(now_ + milliseconds(100)));
}

TEST_F(BatchTest, wants_to_be_closed_when_it_has_many_events) {
    for (size_t i = 1; i <= Batch::events_max; i++) {
        EXPECT_FALSE(batch_.is_due(now_, false));
        add(first, i);
    }
    EXPECT_FALSE(batch_.is_due(now_, false));
    batch_.transaction_ended(first);
    EXPECT_TRUE(batch_.is_due(now_, false));
}

TEST_F(BatchTest, forgets_a_candidate_that_was_not_taken) {
    batch_.add(entry(first, 1));
    batch_.not_taken();
    EXPECT_TRUE(batch_.empty());
    EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(BatchTest, ends_where_its_part_ends) {
    add(first, 1);
    add(first, 2);
    batch_.transaction_ended(first);
    add(second, 1);
    batch_.close(now_);
    expect_end(second, 1, false);
    EXPECT_EQ(batch_.last_complete(), first);
    batch_.close(2, now_);
    expect_end(first, 2, true);
    batch_.close(1, now_);
    expect_end(first, 1, false);
    EXPECT_EQ(batch_.last_complete(), Lsn{});
    batch_.remove_part();
    EXPECT_EQ(batch_.size(), 2u);
    EXPECT_EQ(batch_[0].position(), (EventPosition{first, 2}));
}

TEST_F(BatchTest, ends_where_the_commit_says_when_the_transactions_name_is_not_its_end) {
    constexpr Lsn end_of_first{0x208}, end_of_second{0x308}; // first and second are LSNs within the commit records
    add(first, 1);
    batch_.transaction_ended(end_of_first);
    batch_.transaction_ended(Lsn{0x288}); // the end of a transaction without events for this batch
    add(second, 1);
    batch_.close(now_);
    expect_end(second, 1, false);
    EXPECT_EQ(batch_.last_complete(), end_of_first);
    batch_.transaction_ended(end_of_second);
    batch_.close(now_);
    expect_end(end_of_second, 1, true);
    batch_.close(1, now_);
    expect_end(end_of_first, 1, true);
    EXPECT_EQ(batch_.last_complete(), end_of_first);
}

TEST_F(BatchTest, is_incomplete_where_the_event_that_stops_the_stream_is_of_the_same_transaction) {
    add(first, 1);
    batch_.transaction_ended(first);
    add(second, 1);
    add(second, 2);
    batch_.cut(2);
    EXPECT_TRUE(batch_.is_closed());
    batch_.close(now_);
    expect_end(second, 1, false);
    batch_.cut(1);
    batch_.close(now_);
    expect_end(first, 1, true);
    batch_.cut(0);
    EXPECT_FALSE(batch_.is_closed()) << "there is nothing to commit";
}

TEST_F(BatchTest, may_have_a_position_alone) {
    batch_.close_with({second, 0, true});
    expect_end(second, 0, true);
    EXPECT_EQ(batch_.last_complete(), second);
    EXPECT_EQ(batch_.part(), 0u);
}

// A naive model: the whole stream as a list, and the batch as a window on it.
TEST_F(BatchTest, does_what_a_naive_model_does) {
    struct Event {
        Lsn transaction;
        uint64_t ordinal;
        bool is_last;
    };
    std::minstd_rand random(5);
    auto chance = [&](unsigned of) { return random() % of == 0; };
    std::vector<Event> stream;
    size_t begins = 0; // the start of the window
    uint64_t end = 1000;
    for (int step = 0; step < 400000; step++) {
        now_ += milliseconds(random() % 20);
        size_t size = stream.size() - begins;
        switch (random() % 5) {
        case 0:
        case 1: {
            bool is_new = stream.empty() || stream.back().is_last;
            Event event{Lsn{is_new ? ++end : end}, is_new ? 1 : stream.back().ordinal + 1, false};
            stream.push_back(event);
            add(event.transaction, event.ordinal);
            break;
        }
        case 2:
            if (size > 0) {
                stream.back().is_last = true;
                batch_.transaction_ended(stream.back().transaction);
            }
            break;
        case 3: {
            if (size == 0)
                break;
            size_t part = 1 + random() % size;
            batch_.close(part, now_);
            const Event &last = stream[begins + part - 1];
            Lsn complete{};
            for (size_t i = begins; i < begins + part; i++)
                if (stream[i].is_last)
                    complete = stream[i].transaction;
            ASSERT_EQ(batch_.end().end, last.transaction);
            ASSERT_EQ(batch_.end().ordinal, last.ordinal);
            ASSERT_EQ(batch_.end().complete, last.is_last);
            ASSERT_EQ(batch_.last_complete(), complete);
            if (chance(2)) {
                batch_.remove_part();
                begins += part;
            }
            break;
        }
        default:
            if (size > 0 && chance(4)) { // the rest of the transaction is never delivered, and another transaction follows
                size_t index = random() % size;
                bool was_within = index > 0 && stream[begins + index - 1].transaction == stream[begins + index].transaction;
                stream.resize(begins + index);
                batch_.cut(index);
                ASSERT_EQ(batch_.may_close(), index > 0 && !was_within);
                if (was_within) {
                    batch_.clear();
                    stream.resize(begins);
                    if (!stream.empty())
                        stream.back().is_last = true;
                }
                if (stream.size() > begins)
                    stream.back().is_last = true;
            }
        }
        ASSERT_EQ(batch_.size(), stream.size() - begins);
        if (batch_.size() > 0 && chance(3)) {
            size_t index = random() % batch_.size();
            ASSERT_EQ(batch_[index].commit(), stream[begins + index].transaction);
            ASSERT_EQ(batch_[index].ordinal, stream[begins + index].ordinal);
            ASSERT_EQ(batch_.may_close(), stream.back().is_last);
        }
        if (batch_.size() > 300)
            batch_.clear(), stream.back().is_last = true, begins = stream.size();
    }
    EXPECT_GT(stream.size(), 50000u);
}

} // namespace
} // namespace outbox
