#include "relay/postgres/connect_error.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

const Connecting to_app{"relay", "app"};
const std::string prefix = "connection to server at \"db\" (10.0.0.1), port 5432 failed: ";

TEST(ConnectError, of_libpq_alone_stays_as_it_is) {
    EXPECT_EQ(explain_connect_error(prefix + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n",
                                    to_app),
              prefix + "Connection refused  Is the server running on that host and accepting TCP/IP connections?");
    EXPECT_EQ(explain_connect_error("", to_app), "");
}

TEST(ConnectError, what_is_said_with_tls_and_without_is_said_once) {
    std::string line = prefix + "FATAL:  28P01: password authentication failed for user \"relay\"\nLOCATION:  auth_failed, auth.c:335\n";
    EXPECT_EQ(
        explain_connect_error(line + line, to_app),
        prefix + "FATAL:  password authentication failed for user \"relay\" (SQLSTATE 28P01); the password comes from --dsn, PGPASSWORD or "
                 "PGPASSFILE");
}

TEST(ConnectError, a_missing_line_of_pg_hba_is_written_out) {
    std::string line = prefix + "FATAL:  28000: no pg_hba.conf entry for host \"10.0.0.2\", user \"relay\", database \"app\", ";
    std::string said = explain_connect_error(line + "SSL encryption\n" + line + "no encryption\n", to_app);
    EXPECT_EQ(said.find("no pg_hba.conf entry"), said.rfind("no pg_hba.conf entry")) << said;
    EXPECT_NE(said.find("host app relay <the relay's address> scram-sha-256"), std::string::npos) << said;
    EXPECT_EQ(said.find("no dbname"), std::string::npos) << said;
}

TEST(ConnectError, a_database_that_nobody_named_is_told_of) {
    const Connecting unnamed{"relay", "relay", false};
    std::string said =
        explain_connect_error(prefix + "FATAL:  28000: no pg_hba.conf entry for host \"h\", user \"relay\", database \"relay\"\n", unnamed);
    EXPECT_NE(said.find("no dbname is given in --dsn, so the user's name \"relay\" was taken"), std::string::npos) << said;
    said = explain_connect_error(prefix + "FATAL:  3D000: database \"relay\" does not exist\n", unnamed);
    EXPECT_NE(said.find("no dbname is given in --dsn"), std::string::npos) << said;
}

TEST(ConnectError, a_password_that_nobody_gave_has_a_place) {
    std::string said = explain_connect_error(prefix + "fe_sendauth: no password supplied\n", to_app);
    EXPECT_NE(said.find("; put it into a file of mode 0600 that PGPASSFILE names"), std::string::npos) << said;
}

TEST(ConnectError, peer_is_explained_and_no_line_of_a_host_is_written_out) {
    std::string said = explain_connect_error("connection to server on socket \"/run/.s.PGSQL.5432\" failed: FATAL:  28000: Peer "
                                             "authentication failed for user \"relay\"\n",
                                             to_app);
    EXPECT_NE(said.find("lets in the operating system's user of the same name"), std::string::npos) << said;
    EXPECT_EQ(said.find("scram-sha-256"), std::string::npos) << said;
}

TEST(ConnectError, a_pooler_that_passes_no_replication_on_is_named) {
    const Connecting replicating{"relay", "app", true, true};
    std::string said = explain_connect_error(prefix + "FATAL:  08P01: unsupported startup parameter: replication\n", replicating);
    EXPECT_NE(said.find("; a pooler or proxy is between"), std::string::npos) << said;
    EXPECT_NE(said.find("name the server itself in --dsn"), std::string::npos) << said;
    said = explain_connect_error(prefix + "FATAL:  unsupported startup parameter: replication\n", replicating);
    EXPECT_NE(said.find("; a pooler or proxy is between"), std::string::npos) << said;
}

TEST(ConnectError, a_role_without_replication_is_told_how_to_get_it) {
    std::string said = explain_connect_error(prefix + "FATAL:  42501: must be superuser or replication role to start walsender\n", to_app);
    EXPECT_NE(said.find("; ALTER ROLE \"relay\" REPLICATION"), std::string::npos) << said;
}

TEST(ConnectError, a_code_is_found_whatever_the_language) {
    EXPECT_NE(explain_connect_error(prefix + "ВАЖНО:  28P01: пароль\n", to_app).find("SQLSTATE 28P01"), std::string::npos);
    EXPECT_EQ(explain_connect_error("a: b: ABCDE", to_app), "a: b: ABCDE");
}

TEST(ConnectError, where_the_relay_chose_to_check_the_server_it_says_so_and_the_way_out) {
    Connecting chosen = to_app;
    chosen.chose_verify_full = true;
    for (const char *words :
         {"server does not support SSL, but SSL was required", "SSL error: certificate verify failed",
          "root certificate file \"/root.crt\" does not exist", "server certificate for \"a\" does not match host name \"b\""}) {
        std::string said = explain_connect_error(prefix + words, chosen);
        EXPECT_NE(said.find("the relay asks for sslmode=verify-full"), std::string::npos) << said;
        EXPECT_NE(said.find("sslrootcert=FILE"), std::string::npos) << said;
        EXPECT_NE(said.find("sslmode=prefer"), std::string::npos) << said;
        EXPECT_EQ(explain_connect_error(prefix + words, to_app), prefix + words) << "somebody else's choice";
    }
    EXPECT_EQ(explain_connect_error(prefix + "Connection refused", chosen), prefix + "Connection refused");
}

} // namespace
} // namespace outbox
