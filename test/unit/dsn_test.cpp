#include "relay/config/dsn.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace outbox {
namespace {

class DsnTest : public testing::Test {
protected:
    void SetUp() override {
        for (const char *variable : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGSSLMODE"})
            unsetenv(variable);
    }
    void TearDown() override { SetUp(); }
};

TEST_F(DsnTest, what_may_be_one) {
    for (const char *dsn : {"", "app", "my-app_1", "host=db dbname=app", "host=db1,db2 port=5432,5433 target_session_attrs=primary",
                            "host=a,b port=5432", "host=/var/run/postgresql", "host=@abstract", "hostaddr=10.0.0.1", "host=db hostaddr=::1",
                            "host=::1 port=' 5432 '", "postgresql://u:p@db:5432/app?sslmode=require", "postgres://[::1]/app",
                            "postgresql:///app?host=/tmp", "host=db connect_timeout=3", "postgresql://u:a%2Fb@db/app", "dbname='a b'"}) {
        EXPECT_EQ(check_dsn(dsn), "") << dsn;
        EXPECT_EQ(check_connection(dsn), "") << dsn;
    }
}

TEST_F(DsnTest, what_can_be_none) {
    for (const char *dsn : {"a b",
                            "localhost:5432",
                            "db.example.com/app",
                            "user@db",
                            "jdbc:postgresql://db/app",
                            "mysql://db/app",
                            "nonsense=1",
                            "host=http://db",
                            "host='a b'",
                            "host=256.1.1.1",
                            "host=db,-x",
                            "hostaddr=db",
                            "port=99999",
                            "port=0",
                            "port=x",
                            "host=a,b port=1,2,3",
                            "host=a,b hostaddr=10.0.0.1",
                            "dbname=' '",
                            "dbname='a\nb'",
                            "user='a\tb'",
                            "postgresql://db:port/app"})
        EXPECT_NE(check_dsn(dsn), "") << dsn;
    EXPECT_NE(check_dsn(std::string(64, 'x')), "");
    EXPECT_NE(check_dsn("dbname=" + std::string(64, 'x')), "");
}

TEST_F(DsnTest, what_libpq_judges_when_it_connects) {
    for (const char *dsn : {"sslmode=requre", "target_session_attrs=primry", "service=no_such_service", "connect_timeout=soon",
                            "keepalives_idle=x", "gssencmode=x", "channel_binding=x", "ssl_min_protocol_version=TLSv9"}) {
        EXPECT_EQ(check_dsn(dsn), "") << dsn;
        EXPECT_NE(check_connection(dsn), "") << dsn;
    }
}

TEST_F(DsnTest, variables_of_libpq) {
    setenv("PGPORT", "abc", 1);
    EXPECT_NE(check_connection("host=db"), "");
    EXPECT_EQ(check_connection("host=db port=5432"), "");
    setenv("PGPORT", "5433", 1);
    setenv("PGHOST", "db 1", 1);
    EXPECT_NE(check_connection(""), "");
    setenv("PGHOST", "db1", 1);
    setenv("PGUSER", "relay", 1);
    EXPECT_EQ(describe_source("dbname=app"), R"(database "app" at db1:5433 as "relay")");
}

TEST_F(DsnTest, a_password_is_not_repeated) {
    for (const char *dsn : {"postgresql://u:sec@ret@db/app", "postgresql://u:sec/ret@db/app", "postgresql://u:12/secret@db/app",
                            "password=sec ret", "postgresql://u:secret@db:x/app", "host='secret word'"}) {
        EXPECT_NE(check_dsn(dsn), "") << dsn;
        EXPECT_EQ(check_dsn(dsn).find("sec"), std::string::npos) << check_dsn(dsn);
        EXPECT_EQ(check_dsn(dsn).find("ret"), std::string::npos) << check_dsn(dsn);
    }
    EXPECT_NE(check_dsn("postgresql://u:a@b@db/app").find("percent-encoded"), std::string::npos) << "the way out";
    EXPECT_TRUE(has_password("postgresql://u:secret@db/app"));
    EXPECT_TRUE(has_password("host=db password=secret"));
    EXPECT_FALSE(has_password("host=db dbname=password"));
    EXPECT_EQ(describe_source("postgresql://u:secret@db/app"), R"(database "app" at db:5432 as "u")");
}

TEST_F(DsnTest, what_is_read) {
    EXPECT_EQ(describe_source("host=db1,db2 port=5432,5433 dbname=app user=u"), R"(database "app" at db1:5432,db2:5433 as "u")");
    EXPECT_EQ(describe_source("host=::1 dbname=app user=u"), R"(database "app" at [::1]:5432 as "u")");
    EXPECT_EQ(describe_source("host=/tmp dbname=app user=u"), R"(database "app" at /tmp, port 5432 as "u")");
    EXPECT_EQ(describe_source("hostaddr=10.0.0.1 user=u"),
              R"(database "u" (the user's name, because no database is named) at 10.0.0.1:5432 as "u")");
    EXPECT_EQ(describe_source("service=app"), R"(service "app")");
    setenv("PGUSER", "u", 1);
    EXPECT_EQ(describe_source("app"), R"(database "app" at the local socket, port 5432 as "u")");
}

TEST_F(DsnTest, is_shown_without_its_secrets) {
    EXPECT_EQ(without_secrets("postgresql://me:canary@db:5433/app?sslpassword=canary"),
              "user=me password=*** dbname=app host=db port=5433 sslpassword=***");
    EXPECT_EQ(without_secrets("host='/a b' password='can ary'"), "password=*** host='/a b'");
    EXPECT_EQ(without_secrets("app"), "app");
    EXPECT_EQ(without_secrets(""), "");
}

} // namespace
} // namespace outbox
