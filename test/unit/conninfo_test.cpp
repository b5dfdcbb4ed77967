#include "relay/postgres/conninfo.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>

namespace outbox {
namespace {

using Hosts = std::vector<Host>;

// Removes libpq's variables of this machine from the environment.
class ConninfoTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char *variable : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGSERVICEFILE", "PGDATABASE", "PGSSLMODE"})
            unsetenv(variable);
    }
    void TearDown() override { SetUp(); }
};

TEST_F(ConninfoTest, hosts_are_those_of_a_string_or_a_uri) {
    EXPECT_EQ(hosts_of("host=a,b port=1,2 dbname=app"), (Hosts{{"a", "", "1"}, {"b", "", "2"}}));
    EXPECT_EQ(hosts_of("postgres://u@a:1,b:2/app?target_session_attrs=primary"), (Hosts{{"a", "", "1"}, {"b", "", "2"}}));
    EXPECT_EQ(hosts_of("hostaddr=10.0.0.1 port=7"), (Hosts{{"", "10.0.0.1", "7"}}));
    EXPECT_EQ(hosts_of("app"), (Hosts{{"", "", "5432"}})) << "a database's name";
}

TEST_F(ConninfoTest, hosts_are_those_of_the_variables_and_of_a_service_too) {
    setenv("PGHOST", "from-variable", 1);
    EXPECT_EQ(hosts_of("dbname=app"), (Hosts{{"from-variable", "", "5432"}}));
    std::string file = testing::TempDir() + "services";
    FILE *services = fopen(file.c_str(), "w");
    fputs("[outbox]\nhost=a,b\nport=1,2\n", services);
    fclose(services);
    setenv("PGSERVICEFILE", file.c_str(), 1);
    EXPECT_EQ(hosts_of("service=outbox"), (Hosts{{"a", "", "1"}, {"b", "", "2"}}));
    remove(file.c_str());
}

TEST_F(ConninfoTest, hosts_that_libpq_does_not_take_are_none) {
    EXPECT_EQ(hosts_of("host=a,b port=1,2,3"), Hosts{});
    const Hosts nothing{{"", "", ""}}; // would override nothing
    EXPECT_EQ(hosts_of("service=nowhere"), nothing);
    EXPECT_EQ(hosts_of("nonsense=1"), nothing);
}

TEST_F(ConninfoTest, a_database_is_named_or_libpq_takes_the_user_s_name) {
    for (const char *dsn : {"dbname=app", "app", "postgres://h/app", "service=outbox"})
        EXPECT_TRUE(names_database(dsn)) << dsn;
    for (const char *dsn : {"", "host=h user=relay", "postgres://relay@h"})
        EXPECT_FALSE(names_database(dsn)) << dsn;
    setenv("PGDATABASE", "app", 1);
    EXPECT_TRUE(names_database("host=h"));
}

TEST_F(ConninfoTest, a_password_file_that_others_can_read_is_told_of) {
    std::string file = testing::TempDir() + "passwords";
    fclose(fopen(file.c_str(), "w"));
    auto problem = [&] { return password_file_problem("host=h dbname=app passfile='" + file + "'"); };
    chmod(file.c_str(), 0600);
    EXPECT_EQ(problem(), "");
    chmod(file.c_str(), 0640);
    EXPECT_NE(problem().find("\"" + file + "\" is readable by others and is not read"), std::string::npos) << problem();
    setenv("PGPASSFILE", file.c_str(), 1);
    EXPECT_NE(password_file_problem("host=h"), "");
    unsetenv("PGPASSFILE");
    remove(file.c_str());
    EXPECT_EQ(problem(), "");
    EXPECT_NE(password_file_problem("passfile=/dev/null").find("no plain file"), std::string::npos);
}

TEST_F(ConninfoTest, sslmode_is_named_by_the_string_a_variable_or_a_service) {
    auto said = [](const std::string &dsn) {
        TlsMode mode = tls_mode_of(dsn);
        return mode.sslmode + (mode.is_named ? ", named" : "") + (mode.is_local ? ", local" : "");
    };
    EXPECT_EQ(said("host=db"), "prefer");
    EXPECT_EQ(said("host=db sslmode=prefer"), "prefer, named");
    EXPECT_EQ(said("postgresql://db/app?sslmode=require"), "require, named");
    EXPECT_EQ(said("host=/tmp"), "prefer, local");
    EXPECT_EQ(said("host=127.0.0.1,db"), "prefer") << "one of them is another machine";
    EXPECT_EQ(said("dbname=app"), "prefer, local");
    setenv("PGHOST", "db", 1);
    EXPECT_EQ(said("dbname=app"), "prefer");
    setenv("PGSSLMODE", "disable", 1);
    EXPECT_EQ(said("dbname=app"), "disable, named");
    unsetenv("PGSSLMODE");
    std::string file = testing::TempDir() + "services";
    FILE *services = fopen(file.c_str(), "w");
    fputs("[named]\nhost=db\nsslmode=prefer\n[other]\nhost=db\n", services);
    fclose(services);
    setenv("PGSERVICEFILE", file.c_str(), 1);
    EXPECT_EQ(said("service=named"), "prefer, named");
    EXPECT_EQ(said("service=other"), "prefer");
    EXPECT_EQ(getenv("PGSSLMODE"), nullptr);
    remove(file.c_str());
}

} // namespace
} // namespace outbox
