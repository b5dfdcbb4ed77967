#include "relay/base/secret_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace outbox {
namespace {

class SecretFileTest : public ::testing::Test {
protected:
    SecretFileTest() {
        char pattern[] = "/tmp/outbox-secret-XXXXXX";
        folder_ = mkdtemp(pattern);
        unsetenv("CREDENTIALS_DIRECTORY");
    }
    ~SecretFileTest() override {
        unsetenv("CREDENTIALS_DIRECTORY");
        std::filesystem::remove_all(folder_);
    }
    std::string file(const std::string &text) {
        std::string path = folder_ + "/secret";
        std::ofstream(path) << text;
        return path;
    }
    static std::string refusal_of(const std::string &name) {
        try {
            return "took " + read_secret_file(name);
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
    }

    std::string folder_;
};

TEST_F(SecretFileTest, has_one_line) {
    EXPECT_EQ(read_secret_file(file("canary\n")), "canary");
    EXPECT_EQ(read_secret_file(file("can ary\r\n")), "can ary");
    EXPECT_EQ(read_secret_file(file("canary")), "canary");
}

TEST_F(SecretFileTest, is_not_repeated_where_it_cannot_be_used) {
    for (const std::string &text :
         {std::string(), std::string("\n"), std::string("canary\nother"), std::string("can\0ary", 7), std::string(65537, 'c')})
        EXPECT_EQ(refusal_of(file(text)),
                  "\"" + folder_ + "/secret\": expected one line of at most 65536 bytes, the secret and nothing else");
}

TEST_F(SecretFileTest, is_a_plain_file) {
    mkfifo((folder_ + "/pipe").c_str(), 0600);
    EXPECT_EQ(refusal_of("/no/such"), "cannot read \"/no/such\": No such file or directory");
    for (const std::string &name : {folder_, folder_ + "/pipe", std::string("/dev/zero")})
        EXPECT_EQ(refusal_of(name), "cannot read \"" + name + "\": it is no ordinary file");
}

TEST_F(SecretFileTest, a_relative_name_is_one_of_the_credentials_where_there_are_some) {
    file("canary");
    EXPECT_EQ(secret_path("secret"), "secret");
    setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
    EXPECT_EQ(read_secret_file("secret"), "canary");
    EXPECT_EQ(secret_path("/etc/secret"), "/etc/secret");
}

} // namespace
} // namespace outbox
