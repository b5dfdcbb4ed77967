#include "relay/loop/goal.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

Source from(Lsn confirmed, Lsn wal_end) {
    Source source;
    source.confirmed = confirmed;
    source.wal_end = wal_end;
    return source;
}

TEST(Goal, never_is_neither_reached_nor_missed) {
    Goal never;
    EXPECT_TRUE(never.is_never());
    EXPECT_FALSE(never.is_reached(Lsn{UINT64_MAX}));
    EXPECT_FALSE(never.is_missed(Lsn{UINT64_MAX}, from({}, {})));
}

TEST(Goal, is_reached_when_the_slot_is_confirmed_up_to_it) {
    std::optional<Lsn> position;
    Goal goal([&] { return position; }, "nothing waits");
    EXPECT_FALSE(goal.is_reached(Lsn{0x200})) << "not known yet";
    position = Lsn{0x200};
    EXPECT_FALSE(goal.is_reached(Lsn{0x1ff}));
    EXPECT_TRUE(goal.is_reached(Lsn{0x200}));
}

TEST(Goal, is_missed_when_all_that_there_was_is_delivered_without_it) {
    std::optional<Lsn> position;
    Goal goal([&] { return position; }, "nothing waits");
    Source source = from(Lsn{0x100}, Lsn{0x300});
    EXPECT_FALSE(goal.is_missed(Lsn{0x2ff}, source));
    EXPECT_TRUE(goal.is_missed(Lsn{0x300}, source));
    EXPECT_TRUE(goal.is_missed({}, from(Lsn{0x300}, Lsn{0x300}))) << "there was nothing";
    EXPECT_STREQ(goal.failure().what(), "nothing waits");
    position = Lsn{0x400};
    EXPECT_FALSE(goal.is_missed(Lsn{0x300}, source)) << "it is known, and comes";
}

} // namespace
} // namespace outbox
