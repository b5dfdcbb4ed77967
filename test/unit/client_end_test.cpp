#include "relay/kafka/client_end.h"

#include "relay/base/left_behind.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace outbox {
namespace {

using std::chrono::milliseconds;

TEST(ClientEnd, waits_for_an_end_within_the_patience) {
    bool has_run = false;
    EXPECT_TRUE(ends_within(std::chrono::minutes(1), [&] { has_run = true; }));
    EXPECT_TRUE(has_run);
}

TEST(ClientEnd, leaves_behind_what_takes_longer_until_it_ends) {
    auto end = std::make_shared<std::promise<void>>();
    EXPECT_FALSE(ends_within(milliseconds(10), [end] { end->get_future().wait(); }));
    EXPECT_GE(threads_left_behind.load(), 1); // on a busy machine there may be clients of other tests
    EXPECT_TRUE(ends_within(std::chrono::minutes(1), [] {}));
    EXPECT_GE(threads_left_behind.load(), 1);
    end->set_value();
    for (int i = 0; i < 10000 && threads_left_behind.load() > 0; i++)
        std::this_thread::sleep_for(milliseconds(2));
    EXPECT_EQ(threads_left_behind.load(), 0);
}

} // namespace
} // namespace outbox
