#include "fake_upstream.h"
#include "relay/loop/server_link.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class ServerLinkTest : public testing::Test {
protected:
    ServerLinkTest() { link_.begin(now_); }

    FakeUpstream upstream_;
    ServerLink link_{upstream_, 3s};
    Clock::time_point now_{1000s};
};

TEST_F(ServerLinkTest, confirms_when_an_update_is_due_and_not_before) {
    link_.confirm_if_due(Lsn{0x100}, now_);
    EXPECT_TRUE(upstream_.confirmed_.empty());
    link_.confirm_if_due(Lsn{0x100}, now_ + 20ms);
    EXPECT_EQ(upstream_.confirmed_, (std::vector<Lsn>{Lsn{0x100}}));
    EXPECT_EQ(link_.sent(), Lsn{0x100});
    link_.end();
    EXPECT_EQ(link_.sent(), Lsn{}) << "what was sent may not have arrived";
}

TEST_F(ServerLinkTest, loses_a_stream_whose_server_is_silent) {
    upstream_.hears_ = false;
    link_.require_answers(true, now_ + 1s);
    link_.confirm_if_due(Lsn{}, now_ + 1s); // requests a reply
    link_.require_answers(true, now_ + 2900ms);
    EXPECT_THROW(link_.require_answers(true, now_ + 3s), StreamLost);
    EXPECT_EQ(upstream_.given_up_, 1);
}

TEST_F(ServerLinkTest, judges_no_server_that_it_does_not_hear) {
    upstream_.hears_ = false;
    link_.confirm_if_due(Lsn{}, now_ + 1s);
    link_.require_answers(false, now_ + 3s);
    EXPECT_EQ(upstream_.given_up_, 0);
}

TEST_F(ServerLinkTest, says_goodbye_with_its_last_confirmation_and_waits_for_the_answer) {
    upstream_.bring(Keepalive{Lsn{0x300}, false});
    link_.say_goodbye(Lsn{0x200}, now_);
    EXPECT_EQ(upstream_.confirmed_, (std::vector<Lsn>{Lsn{0x200}}));
    EXPECT_TRUE(upstream_.says_goodbye_);
    EXPECT_TRUE(link_.goodbye_is_answered()) << "what the server still sent is passed over";
}

} // namespace
} // namespace outbox
