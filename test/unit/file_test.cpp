#include "relay/config/file.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

std::string problem_of(const std::string &text) { return parse_config(text, "f.toml").problem; }

std::string said(const ConfigFile &file) {
    std::string all;
    for (const Given &given : file.given)
        all += given.origin + " " + given.setting->key + "=" + given.text + "\n";
    for (const auto &[property, origin] : file.kafka)
        all += origin + " [kafka] " + property.first + "=" + property.second + "\n";
    return all;
}

TEST(ConfigFileTest, gives_each_value_with_its_line) {
    ConfigFile file = parse_config(R"(# a comment
slot = "mine"
commit_interval_ms = 70
takeover = true
topics = ["orders", "invoice.*"]
brokers = "a:1,b:2"
)",
                                   "f.toml");
    EXPECT_EQ(file.problem, "");
    EXPECT_EQ(said(file), "f.toml:2 slot=mine\nf.toml:3 commit-interval-ms=70\nf.toml:4 takeover=true\n"
                          "f.toml:5 topics=orders,invoice.*\nf.toml:6 brokers=a:1,b:2\n");
}

TEST(ConfigFileTest, has_librdkafkas_properties_in_a_table_with_or_without_quotes) {
    ConfigFile file =
        parse_config("[kafka]\nsecurity.protocol = \"SSL\"\n\"linger.ms\" = 7\nsocket.keepalive.enable = true\nx = 1.5\n", "f");
    EXPECT_EQ(file.problem, "");
    EXPECT_EQ(said(file), "f:2 [kafka] security.protocol=SSL\nf:3 [kafka] linger.ms=7\n"
                          "f:4 [kafka] socket.keepalive.enable=true\nf:5 [kafka] x=1.5\n");
}

TEST(ConfigFileTest, refuses_an_unknown_key_with_the_nearest_one_and_the_line) {
    EXPECT_EQ(problem_of("slot = \"s\"\nbroker = \"a:1\"\n"),
              "f.toml:2: \"broker\" is no setting of outbox-relay; the nearest that is: brokers");
    EXPECT_NE(problem_of("log-level = \"info\"").find("the nearest that is: log_level"), std::string::npos);
    EXPECT_NE(problem_of("[kafak]\nx = 1").find("the nearest that is: [kafka]"), std::string::npos);
    EXPECT_NE(problem_of("id = \"x\""), "") << "for once, so it does not stay in a file";
    EXPECT_NE(problem_of("config = \"x\""), "") << "a file does not name another";
}

TEST(ConfigFileTest, refuses_a_value_of_another_type) {
    EXPECT_EQ(problem_of("slot = 3"), "f.toml:1: slot: expected a text in quotes");
    EXPECT_EQ(problem_of("commit_interval_ms = \"3\""), "f.toml:1: commit_interval_ms: expected a number");
    EXPECT_EQ(problem_of("takeover = \"true\""), "f.toml:1: takeover: expected true or false");
    EXPECT_EQ(problem_of("topics = [\"a\", 3]"), "f.toml:1: topics: expected a text in quotes, or an array of them");
    EXPECT_EQ(problem_of("slot = [\"a\"]"), "f.toml:1: slot: expected a text in quotes");
    EXPECT_EQ(problem_of("kafka = 3"), "f.toml:1: kafka: expected a table, [kafka]");
    EXPECT_NE(problem_of("[kafka]\n\"a\" = [1]").find("[kafka] \"a\": expected"), std::string::npos);
}

TEST(ConfigFileTest, refuses_what_the_flag_would_refuse) {
    EXPECT_EQ(problem_of("commit_interval_ms = 0"), "f.toml:1: commit_interval_ms: expected a number of milliseconds from 1 to 10000");
    EXPECT_EQ(problem_of("slot = \"\""), "f.toml:1: slot: expected a value; without one leave it out");
}

TEST(ConfigFileTest, says_the_first_of_several_problems) { EXPECT_EQ(problem_of("zzz = 1\nslot = 3\n").substr(0, 9), "f.toml:1:"); }

TEST(ConfigFileTest, repeats_nothing_of_a_text_that_is_no_toml) {
    for (const char *text : {"dsn = hunter2", "dsn = \"hunter2\nx", "dsn = 'hunter2", "hunter2", "dsn = \"\\hunter2\"", "dsn = 2hunter2",
                             "dsn = \"a\"\ndsn.hunter2 = 3", "[hunter2\n", "dsn = \"a\" hunter2", "a = 0xhunter2", "\"hunter2\" = "}) {
        std::string problem = problem_of(text);
        EXPECT_EQ(problem.substr(0, 7), "f.toml:") << text;
        EXPECT_EQ(problem.find("unter2"), std::string::npos) << problem;
        EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
    }
}

TEST(ConfigFileTest, cannot_be_a_folder_or_missing) {
    EXPECT_EQ(read_config_file("/tmp").problem, "cannot read \"/tmp\": Is a directory");
    EXPECT_EQ(read_config_file("/no/such").problem, "cannot read \"/no/such\": No such file or directory");
}

TEST(ConfigFileTest, is_bounded) { EXPECT_EQ(read_config_file("/dev/zero").problem, "\"/dev/zero\" has more than a mebibyte"); }

} // namespace
} // namespace outbox
