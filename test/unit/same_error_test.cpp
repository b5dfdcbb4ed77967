#include "relay/loop/same_error.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(SameError, three_times_at_one_position_is_told_of) {
    SameError error;
    EXPECT_FALSE(error.note("XX000", Lsn{5}));
    EXPECT_FALSE(error.note("XX000", Lsn{5}));
    EXPECT_TRUE(error.note("XX000", Lsn{5}));
    EXPECT_TRUE(error.note("XX000", Lsn{5}));
    EXPECT_FALSE(error.note("XX000", Lsn{6})) << "it has got further";
}

TEST(SameError, others_between_are_no_repetition) {
    SameError error;
    for (int i = 0; i < 10; i++) {
        EXPECT_FALSE(error.note("XX000", Lsn{5}));
        EXPECT_FALSE(error.note("53100", Lsn{5}));
    }
}

TEST(SameError, what_passes_by_itself_is_none) {
    for (const char *sqlstate : {"", "57P01", "57P03", "08006", "55006"}) {
        SameError error;
        for (int i = 0; i < 10; i++)
            EXPECT_FALSE(error.note(sqlstate, Lsn{5})) << sqlstate;
    }
}

} // namespace
} // namespace outbox
