#include "relay/command/doctor/finding.h"
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
