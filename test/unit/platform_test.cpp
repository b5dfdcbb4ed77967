#include "relay/command/doctor/platform.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

Finding of(Platform platform, std::vector<std::string> repair) {
    Finding finding = fail("it is so", std::move(repair), "restart PostgreSQL");
    put_in_words_of(platform, finding);
    return finding;
}

TEST(PlatformTest, leaves_a_server_of_ones_own_alone) {
    Finding finding = of(Platform::none, {"ALTER SYSTEM SET wal_level = logical;", "SELECT pg_reload_conf();"});
    EXPECT_EQ(finding.repair, (std::vector<std::string>{"ALTER SYSTEM SET wal_level = logical;", "SELECT pg_reload_conf();"}));
    EXPECT_EQ(finding.then, "restart PostgreSQL");
}

TEST(PlatformTest, names_the_parameter_as_the_platform_does) {
    auto repair_of = [](Platform platform) { return of(platform, {"ALTER SYSTEM SET wal_level = logical;"}).repair.at(0); };
    EXPECT_EQ(repair_of(Platform::rds), "aws rds modify-db-parameter-group --db-parameter-group-name GROUP --parameters "
                                        "'ParameterName=rds.logical_replication,ParameterValue=1,ApplyMethod=pending-reboot'");
    EXPECT_NE(repair_of(Platform::aurora).find("modify-db-cluster-parameter-group"), std::string::npos);
    EXPECT_EQ(repair_of(Platform::cloud_sql), "gcloud sql instances patch INSTANCE --database-flags='cloudsql.logical_decoding=on'");
    EXPECT_NE(repair_of(Platform::azure).find("--name wal_level --value 'logical'"), std::string::npos);
}

TEST(PlatformTest, says_what_to_do_where_there_is_no_line_to_paste) {
    Finding finding = of(Platform::neon, {"ALTER SYSTEM SET wal_level = logical;"});
    EXPECT_TRUE(finding.repair.empty());
    EXPECT_NE(finding.then.find("Logical Replication, Enable"), std::string::npos);
    finding = of(Platform::neon, {"ALTER ROLE relay REPLICATION;"});
    EXPECT_TRUE(finding.repair.empty());
    EXPECT_NE(finding.then.find("console"), std::string::npos);
}

TEST(PlatformTest, keeps_values_with_quotes_and_other_statements) {
    Finding finding = of(Platform::azure, {"ALTER SYSTEM SET max_slot_wal_keep_size = '100GB';", "SELECT pg_reload_conf();", "SELECT 1;"});
    ASSERT_EQ(finding.repair.size(), 2u);
    EXPECT_NE(finding.repair[0].find("--name max_slot_wal_keep_size --value '100GB'"), std::string::npos);
    EXPECT_EQ(finding.repair[1], "SELECT 1;");
}

TEST(PlatformTest, grants_replication_as_the_platform_does) {
    EXPECT_EQ(of(Platform::rds, {"ALTER ROLE \"my relay\" REPLICATION;"}).repair.at(0), "GRANT rds_replication TO \"my relay\";");
    EXPECT_EQ(of(Platform::azure, {"ALTER ROLE relay REPLICATION;"}).repair.at(0), "ALTER ROLE relay REPLICATION;");
}

} // namespace
} // namespace outbox
