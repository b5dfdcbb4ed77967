#include "relay/kafka/property_sources.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace outbox {
namespace {

using Properties = std::vector<KafkaProperty>;

class PropertySourcesTest : public ::testing::Test {
protected:
    PropertySourcesTest() {
        char pattern[] = "/tmp/outbox-properties-XXXXXX";
        folder_ = mkdtemp(pattern);
        std::ofstream(folder_ + "/password") << "canary\n";
        std::ofstream(folder_ + "/properties") << "linger.ms=8\nclient.id=file\n";
        setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
    }
    ~PropertySourcesTest() override {
        unsetenv("CREDENTIALS_DIRECTORY");
        std::filesystem::remove_all(folder_);
    }
    std::string folder_;
};

TEST_F(PropertySourcesTest, what_is_stronger_comes_later) {
    EXPECT_EQ(gather_properties({{"linger.ms", "7"}}, folder_ + "/properties", {{"linger.ms", "9"}}),
              (Properties{{"linger.ms", "7"}, {"linger.ms", "8"}, {"client.id", "file"}, {"linger.ms", "9"}}));
}

TEST_F(PropertySourcesTest, a_secret_may_be_in_a_file) {
    EXPECT_EQ(gather_properties({{"sasl.password_file", folder_ + "/password"}}, "", {}), (Properties{{"sasl.password", "canary"}}));
    EXPECT_EQ(gather_properties({}, "", {{"ssl.key.password_file", "password"}}), (Properties{{"ssl.key.password", "canary"}}))
        << "a credential";
    EXPECT_EQ(gather_properties({{"linger.ms_file", "password"}}, "", {}), (Properties{{"linger.ms_file", "password"}})) << "no secret";
}

TEST_F(PropertySourcesTest, a_file_that_cannot_be_used_is_named) {
    try {
        gather_properties({{"sasl.password_file", "none"}}, "", {});
        FAIL();
    } catch (const std::invalid_argument &error) {
        EXPECT_EQ(std::string(error.what()),
                  "property \"sasl.password_file\": cannot read \"" + folder_ + "/none\": No such file or directory");
    }
}

} // namespace
} // namespace outbox
