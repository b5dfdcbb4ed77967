#include "relay/kafka/rotation.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include <unistd.h>

namespace outbox {
namespace {

using std::chrono::seconds;
using Step = Rotation::Step;

TEST(Rotation, looks_while_it_is_refused_and_renews_after_a_minute) {
    Rotation rotation;
    Rotation::Time start{};
    EXPECT_EQ(rotation.step(false, start), Step::none);
    EXPECT_EQ(rotation.step(true, start), Step::look);
    EXPECT_EQ(rotation.step(true, start), Step::none);
    int looks = 0;
    for (int second = 1; second < 60; second++) {
        Step step = rotation.step(true, start + seconds(second));
        EXPECT_NE(step, Step::renew) << second;
        looks += step == Step::look;
    }
    EXPECT_GT(looks, 10);
    EXPECT_EQ(rotation.step(true, start + seconds(60)), Step::renew);
    EXPECT_NE(rotation.step(true, start + seconds(61)), Step::renew) << "not at every step";
    EXPECT_EQ(rotation.step(false, start + seconds(100)), Step::none);
    EXPECT_NE(rotation.step(true, start + seconds(130)), Step::renew) << "refused anew";
}

class RotationFiles : public testing::Test {
protected:
    void write(const std::string &path, const char *text) { std::ofstream(path) << text; }
    std::string password() const {
        for (const auto &[property, value] : target_.properties)
            if (property == "sasl.password")
                return value;
        return "";
    }
    void SetUp() override {
        write(file_, "security.protocol=sasl_plaintext\nsasl.mechanisms=PLAIN\nsasl.username=relay\nsasl.password=first\n");
        EXPECT_FALSE(reread_properties(target_)) << "the first look";
        EXPECT_EQ(password(), "first");
    }
    void TearDown() override { remove(file_.c_str()); }

    const std::string file_ = testing::TempDir() + "outbox-rotation-" + std::to_string(getpid());
    KafkaTarget target_{.property_file = file_, .own_properties = {{"linger.ms", "7"}}};
};

TEST_F(RotationFiles, that_change_are_taken_up_once) {
    EXPECT_FALSE(reread_properties(target_));
    write(file_, "security.protocol=sasl_plaintext\nsasl.mechanisms=PLAIN\nsasl.username=relay\nsasl.password=second\n");
    EXPECT_TRUE(reread_properties(target_));
    EXPECT_EQ(password(), "second");
    EXPECT_EQ(target_.properties.back().second, "7") << "the command line has the last word";
    EXPECT_FALSE(reread_properties(target_));
    EXPECT_EQ(target_.learned.reading.fingerprint.find("second"), std::string::npos) << "a secret";
}

TEST_F(RotationFiles, that_cannot_be_used_change_nothing) {
    for (const char *text : {"no property", "acks=1\n", "sasl.mechanisms=NONSENSE\nsecurity.protocol=sasl_plaintext\n"}) {
        write(file_, text);
        EXPECT_FALSE(reread_properties(target_)) << text;
        EXPECT_EQ(password(), "first") << text;
    }
    remove(file_.c_str());
    EXPECT_FALSE(reread_properties(target_));
    EXPECT_EQ(password(), "first");
}

// The properties do not change, but librdkafka loads certificates only once, so a new producer is needed.
TEST_F(RotationFiles, that_properties_name_count_as_well) {
    std::string key = file_ + ".pem";
    write(key, "one");
    std::string before = fingerprint({{"ssl.key.location", key}});
    EXPECT_EQ(fingerprint({{"ssl.key.location", key}}), before);
    write(key, "another");
    EXPECT_NE(fingerprint({{"ssl.key.location", key}}), before);
    remove(key.c_str());
    EXPECT_NE(fingerprint({{"ssl.key.location", key}}), before);
}

} // namespace
} // namespace outbox
