#include "relay/core/by_name.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

std::string nth(int i) { return "topic." + std::to_string(i); }

TEST(ByNameTest, finds_what_was_made) {
    ByName<int> entries;
    EXPECT_EQ(entries.find("orders"), nullptr);
    entries.at("orders") = 7;
    ASSERT_NE(entries.find("orders"), nullptr);
    EXPECT_EQ(*entries.find("orders"), 7);
    EXPECT_EQ(entries.at("orders"), 7);
    EXPECT_EQ(entries.find("order"), nullptr);
    EXPECT_EQ(entries.find(""), nullptr);
    EXPECT_EQ(entries.size(), 1u);
}

TEST(ByNameTest, every_name_keeps_its_entry_while_the_table_grows) {
    ByName<int> entries;
    int *first = &entries.at(nth(0));
    for (int i = 0; i < 5000; i++)
        entries.at(nth(i)) = i;
    EXPECT_EQ(entries.size(), 5000u);
    EXPECT_EQ(entries.find(nth(0)), first);
    for (int i = 0; i < 5000; i++) {
        ASSERT_NE(entries.find(nth(i)), nullptr) << nth(i);
        ASSERT_EQ(*entries.find(nth(i)), i);
    }
    EXPECT_EQ(entries.find(nth(5000)), nullptr);
    int expected = 0;
    for (const auto &named : entries) {
        EXPECT_EQ(named.name, nth(expected));
        EXPECT_EQ(named.entry, expected++);
    }
    EXPECT_EQ(expected, 5000);
}

TEST(ByNameTest, an_empty_name_is_a_name) {
    ByName<int> entries;
    entries.at("") = 3;
    ASSERT_NE(entries.find(""), nullptr);
    EXPECT_EQ(*entries.find(""), 3);
}

} // namespace
} // namespace outbox
