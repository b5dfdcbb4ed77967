#include "relay/config/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace outbox {
namespace {

const Setting &row_of(const std::string &key) {
    for (const Setting &row : settings())
        if (row.key == key)
            return row;
    throw std::out_of_range(key);
}

TEST(Settings, each_has_its_own_key_a_command_and_one_way_to_get_its_value) {
    std::set<std::string> keys;
    for (const Setting &row : settings()) {
        EXPECT_TRUE(keys.insert(row.key).second) << row.key;
        EXPECT_NE(row.commands, 0u) << row.key;
        EXPECT_NE(row.target.toggle == nullptr, row.target.assign == nullptr) << row.key;
        EXPECT_TRUE(row.target.check == nullptr || row.target.assign != nullptr) << row.key;
    }
}

TEST(Settings, a_default_is_a_text_that_the_setting_takes) {
    for (const Setting &row : settings())
        if (*row.default_text != '\0' && row.target.check != nullptr) {
            EXPECT_EQ(row.target.check(row.default_text), "") << row.key;
        }
}

TEST(Settings, values_begin_with_the_defaults) {
    Values values;
    EXPECT_EQ(values.slot, "outbox");
    EXPECT_EQ(values.dsn, "");
    EXPECT_EQ(values.delivery, Delivery::at_least_once);
    EXPECT_EQ(values.max_in_flight_bytes, size_t{256} << 20);
    EXPECT_EQ(values.commit_interval, std::chrono::milliseconds(50));
    EXPECT_EQ(values.log_level, spdlog::level::info);
    EXPECT_EQ(values.state_topic, KafkaTarget().state_topic);
    EXPECT_EQ(values.dead_letter_topic, KafkaTarget().dead_letter_topic);
}

TEST(Settings, a_text_goes_where_its_row_says) {
    Values values;
    row_of("shutdown-grace-ms").target.assign(values, "250");
    row_of("on-poison").target.assign(values, "dead-letter");
    row_of("id").target.assign(values, "a");
    row_of("id").target.assign(values, "b");
    EXPECT_EQ(values.shutdown_grace, std::chrono::milliseconds(250));
    EXPECT_EQ(values.on_poison, OnPoison::dead_letter);
    EXPECT_EQ(values.ids, (std::vector<std::string>{"a", "b"}));
}

TEST(Settings, a_number_and_a_choice_say_what_was_expected) {
    EXPECT_EQ(row_of("commit-interval-ms").target.check("0"), "expected a number of milliseconds from 1 to 10000");
    EXPECT_EQ(row_of("commit-interval-ms").target.check("5x"), "expected a number of milliseconds from 1 to 10000");
    EXPECT_EQ(row_of("max-in-flight-bytes").target.check("4294967297"), "expected a number of bytes from 65536 to 4294967296");
    EXPECT_EQ(row_of("delivery").target.check("twice"), "expected one of: at-least-once, exactly-once");
}

TEST(Settings, flags_and_variables_follow_from_the_key) {
    EXPECT_EQ(flag_of(row_of("log-level")), "--log-level");
    EXPECT_EQ(variable_of(row_of("log-level")), "OUTBOX_LOG_LEVEL");
    EXPECT_EQ(flag_of(row_of("property")), "-X,--property");
    EXPECT_EQ(variable_of(row_of("id")), "") << "a variable would stay for the next time";
}

TEST(Settings, keys_of_the_file_have_no_hyphens_and_what_is_for_once_has_none) {
    EXPECT_EQ(key_of(row_of("max-in-flight-bytes")), "max_in_flight_bytes");
    EXPECT_EQ(key_of(row_of("id")), "");
    EXPECT_EQ(key_of(row_of("config")), "");
    EXPECT_EQ(key_of(row_of("property")), "") << "the file has a table for it";
}

TEST(Settings, whatever_wants_a_number_says_so_to_the_file) {
    for (const Setting &row : settings()) {
        bool wants_number = row.target.check != nullptr && row.target.check("x").starts_with("expected a number");
        EXPECT_EQ((row.traits & number) != 0, wants_number) << row.key;
    }
}

TEST(Settings, a_switch_takes_these_words) {
    for (const char *text : {"true", "1", "yes", "on", "false", "0", "no", "off"})
        EXPECT_EQ(check_text(row_of("takeover"), text), "");
    EXPECT_EQ(check_text(row_of("takeover"), "perhaps"), "expected true or false");
    EXPECT_EQ(check_text(row_of("slot"), " "), "expected a value; without one leave it out");
}

TEST(Settings, the_page_has_a_line_for_each) {
    std::string table = settings_as_markdown();
    EXPECT_EQ(static_cast<size_t>(std::count(table.begin(), table.end(), '\n')), settings().size() + 2);
    EXPECT_NE(table.find("| `-X`, `--property` | `OUTBOX_PROPERTY` | | "), std::string::npos) << table;
    EXPECT_NE(table.find("| `--id` (skip) | | | "), std::string::npos) << table;
    EXPECT_NE(table.find("; read again with SIGHUP |"), std::string::npos) << table;
}

} // namespace
} // namespace outbox
