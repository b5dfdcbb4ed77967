#include "relay/watch/troubles.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace outbox {
namespace {

TEST(Troubles, are_the_last_ten_warnings_and_errors) {
    auto troubles = std::make_shared<Troubles>();
    spdlog::logger log("test", troubles);
    log.info("no trouble");
    for (int i = 0; i < 20; i++)
        log.warn("warning {}", i);
    log.error("{}", std::string(5000, 'x'));
    std::deque<Trouble> all = troubles->get();
    ASSERT_EQ(all.size(), 10u);
    EXPECT_TRUE(all[0].is_error);
    EXPECT_EQ(all[0].text.size(), 600u);
    EXPECT_EQ(all[1].text, "warning 19");
}

TEST(Troubles, that_come_again_are_counted) {
    auto troubles = std::make_shared<Troubles>();
    spdlog::logger log("test", troubles);
    log.warn("a");
    log.warn("b");
    log.warn("a");
    std::deque<Trouble> all = troubles->get();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].text, "a");
    EXPECT_EQ(all[0].count, 2u);
}

} // namespace
} // namespace outbox
