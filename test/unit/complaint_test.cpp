#include "relay/loop/complaint.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const std::string no_standby = "replication slot \"standby\" specified in parameter \"synchronized_standby_slots\" does not exist";

TEST(Complaint, is_said_once_and_stands_while_it_is_repeated) {
    Complaint complaint;
    Complaint::Time now{1000s};
    EXPECT_TRUE(complaint.note(no_standby, now));
    EXPECT_FALSE(complaint.stands(now)) << "once is no state";
    for (int i = 0; i < 100; i++) {
        now += 10s;
        EXPECT_FALSE(complaint.note(no_standby, now));
        EXPECT_TRUE(complaint.stands(now));
    }
    EXPECT_TRUE(complaint.stands(now + 29s));
    EXPECT_FALSE(complaint.stands(now + 30s)) << "it is over";
    EXPECT_TRUE(complaint.note(no_standby, now + 1h)) << "and comes again";
    EXPECT_FALSE(complaint.stands(now + 1h));
}

TEST(Complaint, another_one_is_said_too) {
    Complaint complaint;
    Complaint::Time now{1000s};
    EXPECT_TRUE(complaint.note(no_standby, now));
    EXPECT_TRUE(complaint.note("another", now + 1s));
    EXPECT_FALSE(complaint.stands(now + 1s));
}

TEST(Complaint, numbers_make_no_other) {
    Complaint complaint;
    Complaint::Time now{1000s};
    complaint.note("process 17 waits", now);
    EXPECT_FALSE(complaint.note("process 18 waits", now + 10s));
}

} // namespace
} // namespace outbox
