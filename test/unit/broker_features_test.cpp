#include "relay/kafka/broker_features.h"

#include <gtest/gtest.h>

#include <string>

namespace outbox {
namespace {

std::string feature(const std::string &name, int lowest, int highest) {
    return std::string(1, static_cast<char>(name.size() + 1)) + name + std::string(1, '\0') + static_cast<char>(lowest) +
           std::string(1, '\0') + static_cast<char>(highest) + std::string(1, '\0');
}

// As Kafka writes it: the correlation id, no error, one request that it knows, no throttling; then the features among the tags.
std::string answer(const std::string &features, size_t count) {
    std::string value = std::string(1, static_cast<char>(count + 1)) + features;
    return std::string("\0\0\0\x01\0\0\x02\0\x12\0\0\0\x04\0\0\0\0\0", 18) + std::string("\x02\x01\x01\x01", 4) + std::string(1, '\0') +
           static_cast<char>(value.size()) + value;
}

TEST(BrokerFeatures, have_the_level_of_the_metadata) {
    EXPECT_EQ(metadata_level(answer(feature("group.version", 0, 1) + feature("metadata.version", 7, 29), 2)), 29);
    EXPECT_EQ(metadata_level(answer(feature("metadata.version", 7, 33) + feature("group.version", 0, 1), 2)), 33);
    EXPECT_EQ(metadata_level(answer(feature("group.version", 0, 1), 1)), std::nullopt);
}

TEST(BrokerFeatures, of_what_is_no_answer_are_unknown) {
    std::string whole = answer(feature("group.version", 0, 1) + feature("metadata.version", 7, 29), 2);
    for (size_t size = 0; size < whole.size(); size++)
        EXPECT_EQ(metadata_level(std::string_view(whole).substr(0, size)), std::nullopt) << size;
    EXPECT_EQ(metadata_level(std::string("\0\0\0\x01\0\x23\0\0\0\0", 10)), std::nullopt);           // UNSUPPORTED_VERSION, of before 2.4
    EXPECT_EQ(metadata_level(std::string("\0\0\0\x01\0\0\xff\xff\xff\xff\x0f", 11)), std::nullopt); // four billion requests
    EXPECT_EQ(metadata_level(std::string("\0\0\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff", 13)), std::nullopt); // a number without an end
}

TEST(BrokerFeatures, say_who_can_forget_a_commit) {
    for (int level : {30, 31, 33}) // 4.3-IV0, 4.4-IV0, 4.4-IV2
        EXPECT_TRUE(can_forget_commits(level)) << level;
    for (int level : {1, 29, 34}) // 3.0, 4.2-IV1, 4.5-IV0
        EXPECT_FALSE(can_forget_commits(level)) << level;
}

} // namespace
} // namespace outbox
