#include "relay/base/background_call.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>

namespace outbox {
namespace {

class BackgroundCallTest : public testing::Test {
protected:
    ~BackgroundCallTest() override { close(wakeup_); }

    bool is_woken_within(int timeout_ms) {
        pollfd wanted{wakeup_, POLLIN, 0};
        return poll(&wanted, 1, timeout_ms) == 1;
    }

    int wakeup_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
};

TEST_F(BackgroundCallTest, has_an_answer_once_the_function_returns) {
    std::promise<void> may_return;
    BackgroundCall<std::unique_ptr<std::string>> call;
    EXPECT_FALSE(call.is_running());
    call.start([&] { return may_return.get_future().wait(), std::make_unique<std::string>("answer"); }, wakeup_);
    EXPECT_TRUE(call.is_running());
    EXPECT_EQ(call.take(), std::nullopt);
    EXPECT_FALSE(call.is_answered());
    EXPECT_FALSE(is_woken_within(0));
    may_return.set_value();
    ASSERT_TRUE(is_woken_within(60000));
    EXPECT_TRUE(call.is_answered());
    std::optional<std::unique_ptr<std::string>> answer = call.take();
    ASSERT_TRUE(answer);
    EXPECT_EQ(**answer, "answer");
    EXPECT_FALSE(call.is_running());
    EXPECT_EQ(call.take(), std::nullopt);
}

TEST_F(BackgroundCallTest, can_be_started_again) {
    BackgroundCall<int> call;
    for (int i = 1; i <= 3; i++) {
        call.start([i] { return i; }, wakeup_);
        ASSERT_TRUE(is_woken_within(60000));
        EXPECT_EQ(call.take(), i);
        uint64_t count;
        EXPECT_EQ(read(wakeup_, &count, sizeof(count)), static_cast<ssize_t>(sizeof(count)));
    }
}

TEST_F(BackgroundCallTest, drops_the_answer_of_a_call_that_is_joined) {
    BackgroundCall<int> call;
    call.start([] { return 1; }, wakeup_);
    call.join();
    EXPECT_FALSE(call.is_running());
    EXPECT_EQ(call.take(), std::nullopt);
    EXPECT_TRUE(is_woken_within(0));
}

} // namespace
} // namespace outbox
