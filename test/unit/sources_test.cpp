#include "relay/config/sources.h"

#include "relay/base/exit_code.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace outbox {
namespace {

const Setting &row_of(const std::string &key) {
    for (const Setting &row : settings())
        if (row.key == key)
            return row;
    throw std::out_of_range(key);
}

Given given(const char *key, const char *text, const char *origin) { return {&row_of(key), text, origin}; }

TEST(Effective, begins_with_the_defaults) {
    Effective effective;
    EXPECT_EQ(effective.of(row_of("slot")).at(0).origin, "default");
    EXPECT_TRUE(effective.of(row_of("dsn")).empty());
    EXPECT_EQ(effective.values().slot, "outbox");
}

TEST(Effective, a_stronger_source_stands_for_a_weaker_one_and_for_nothing_else) {
    Effective effective;
    effective.take({given("slot", "of_file", "f:1"), given("log-level", "debug", "f:2"), given("takeover", "true", "f:3")});
    effective.take({given("slot", "of_variable", "OUTBOX_SLOT"), given("takeover", "no", "OUTBOX_TAKEOVER")});
    effective.take({given("slot", "of_flag", "--slot")});
    Values values = effective.values();
    EXPECT_EQ(values.slot, "of_flag");
    EXPECT_EQ(effective.of(row_of("slot")).at(0).origin, "--slot");
    EXPECT_EQ(values.log_level, spdlog::level::debug);
    EXPECT_EQ(effective.of(row_of("log-level")).at(0).origin, "f:2");
    EXPECT_FALSE(values.takeover);
}

TEST(Effective, a_list_has_all_of_the_strongest_source) {
    Effective effective;
    effective.take({given("property", "a=1", "OUTBOX_PROPERTY"), given("property", "b=2", "OUTBOX_PROPERTY")});
    EXPECT_EQ(effective.values().properties, (std::vector<std::string>{"a=1", "b=2"}));
    effective.take({given("property", "c=3", "--property")});
    EXPECT_EQ(effective.values().properties, (std::vector<std::string>{"c=3"}));
}

TEST(Sources, a_text_that_can_be_no_value_is_refused_with_its_origin_and_not_repeated) {
    try {
        check_given({given("slot", "good", "--slot"), given("slot", "BAD", "OUTBOX_SLOT")});
        FAIL();
    } catch (const Failure &failure) {
        EXPECT_EQ(failure.code(), ExitCode::usage);
        EXPECT_STREQ(failure.what(), "OUTBOX_SLOT: expected a slot name: 1 to 63 of a-z, 0-9 and _");
    }
}

TEST(Sources, variables_are_those_of_the_command) {
    setenv("OUTBOX_SLOT", "s", 1);
    setenv("OUTBOX_PROPERTY", "a=1\n\nb=2\n", 1);
    std::vector<Given> of_run = read_variables(in_run), of_health = read_variables(in_health);
    unsetenv("OUTBOX_SLOT");
    unsetenv("OUTBOX_PROPERTY");
    ASSERT_EQ(of_run.size(), 3u);
    EXPECT_EQ(of_run[0].origin, "OUTBOX_SLOT");
    EXPECT_EQ(of_run[2].text, "b=2");
    EXPECT_TRUE(of_health.empty());
}

} // namespace
} // namespace outbox
