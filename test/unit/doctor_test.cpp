#include "relay/command/doctor/finding.h"
#include "relay/command/doctor/limits.h"
#include "relay/command/doctor/versions.h"

#include <gtest/gtest.h>

using namespace outbox;

TEST(Doctor, knows_servers_with_a_hole) {
    for (int version : {140022, 150017, 160013, 170009, 180003})
        EXPECT_NE(server_version_hole(version).find("; " + server_version_text(version + 1) + " mends"), std::string::npos) << version;
    for (int version : {140023, 150018, 150020, 160014, 170012, 180006, 190000})
        EXPECT_EQ(server_version_hole(version), "") << version;
    for (int version : {130020, 200000})
        EXPECT_NE(server_version_hole(version).find("not one of the majors"), std::string::npos) << version;
}

TEST(Doctor, quotes_what_a_shell_reads) {
    EXPECT_EQ(shell_quoted("dbname=app"), "'dbname=app'");
    EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
}

TEST(Doctor, gives_sizes_their_unit) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(16800000), "16.8 MB");
    EXPECT_EQ(bytes_text(123456789), "123 MB");
    EXPECT_EQ(bytes_text(9.4e9), "9.4 GB");
}

TEST(Doctor, judges_a_disk_by_what_is_free_and_by_what_the_slot_keeps) {
    constexpr double gb = 1e9;
    EXPECT_EQ(judge_disk(0, 50 * gb, 100 * gb).verdict, Verdict::ok);
    EXPECT_EQ(judge_disk(1 * gb, 10 * gb, 100 * gb).verdict, Verdict::ok);
    EXPECT_EQ(judge_disk(5 * gb, 10 * gb, 100 * gb).verdict, Verdict::warn);
    EXPECT_EQ(judge_disk(0, 4 * gb, 100 * gb).verdict, Verdict::fail);
    EXPECT_EQ(judge_disk(0, 4 * gb, 100 * gb).sentence,
              "4.0 GB of the disk's 100 GB are free, and the slot keeps 0 B: PostgreSQL stops when it is full");
}
