#include "relay/base/small_file.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class SmallFileTest : public ::testing::Test {
protected:
    SmallFileTest() {
        char pattern[] = "/tmp/outbox-small-XXXXXX";
        folder_ = mkdtemp(pattern);
    }
    ~SmallFileTest() override { std::filesystem::remove_all(folder_); }
    std::string file(const std::string &text) {
        std::string path = folder_ + "/file";
        std::ofstream(path) << text;
        return path;
    }
    std::string pipe() {
        std::string path = folder_ + "/pipe";
        EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
        return path;
    }
    static std::string refusal_of(const std::string &path) {
        try {
            return "took " + read_small_file(path, 50ms);
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
    }

    std::string folder_;
};

TEST_F(SmallFileTest, content_as_it_is) {
    std::string text("one\r\n\0two\n\n", 11);
    EXPECT_EQ(read_small_file(file(text)), text);
    EXPECT_EQ(read_small_file(file("")), "");
}

TEST_F(SmallFileTest, at_most_a_mebibyte) {
    EXPECT_EQ(read_small_file(file(std::string(1 << 20, 'x'))).size(), 1U << 20);
    std::string path = file(std::string((1 << 20) + 1, 'x'));
    EXPECT_EQ(refusal_of(path), "\"" + path + "\" has more than a mebibyte");
    EXPECT_EQ(refusal_of("/dev/zero"), "\"/dev/zero\" has more than a mebibyte");
}

TEST_F(SmallFileTest, what_cannot_be_read) {
    EXPECT_EQ(refusal_of("/no/such"), "cannot read \"/no/such\": No such file or directory");
    EXPECT_EQ(refusal_of("/tmp"), "cannot read \"/tmp\": Is a directory");
}

TEST_F(SmallFileTest, a_pipe_until_its_writer_ends) {
    std::string path = pipe();
    std::thread writer([&] {
        std::ofstream out(path);
        for (int i = 0; i < 3; i++) {
            out << "line " << i << std::endl;
            std::this_thread::sleep_for(5ms); // the reader meets an empty pipe, too
        }
    });
    EXPECT_EQ(read_small_file(path), "line 0\nline 1\nline 2\n");
    writer.join();
}

TEST_F(SmallFileTest, nobody_writes_into_the_pipe) {
    std::string path = pipe();
    EXPECT_EQ(refusal_of(path), "cannot read \"" + path + "\": nobody wrote into it for 0 s");
}

TEST_F(SmallFileTest, a_writer_that_falls_silent) {
    std::string path = pipe();
    std::thread writer([&] {
        std::ofstream out(path);
        out << "half" << std::flush;
        std::this_thread::sleep_for(200ms);
    });
    EXPECT_EQ(refusal_of(path), "cannot read \"" + path + "\": nobody wrote into it for 0 s");
    writer.join();
}

} // namespace
} // namespace outbox
