#include "relay/postgres/hosts.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using Hosts = std::vector<Host>;

TEST(Hosts, are_split_as_libpq_does) {
    EXPECT_EQ(split_hosts("", "", "5432"), (Hosts{{"", "", "5432"}}));
    EXPECT_EQ(split_hosts("a", "", ""), (Hosts{{"a", "", ""}}));
    EXPECT_EQ(split_hosts("a,b", "", "5432"), (Hosts{{"a", "", "5432"}, {"b", "", "5432"}}));
    EXPECT_EQ(split_hosts("a,/tmp,", "", "1,2,3"), (Hosts{{"a", "", "1"}, {"/tmp", "", "2"}, {"", "", "3"}}));
    EXPECT_EQ(split_hosts("a,b", "10.0.0.1,", "1"), (Hosts{{"a", "10.0.0.1", "1"}, {"b", "", "1"}}));
    EXPECT_EQ(split_hosts("", "10.0.0.1,::1", "1"), (Hosts{{"", "10.0.0.1", "1"}, {"", "::1", "1"}}));
}

TEST(Hosts, of_lists_that_do_not_fit_are_none) {
    EXPECT_FALSE(split_hosts("a,b,c", "", "1,2"));
    EXPECT_FALSE(split_hosts("a,b", "10.0.0.1", "1"));
}

TEST(Hosts, are_joined_again) {
    Hosts hosts{{"a", "10.0.0.1", "1"}, {"/tmp", "", "2"}};
    EXPECT_EQ(join_hosts(hosts, &Host::name), "a,/tmp");
    EXPECT_EQ(join_hosts(hosts, &Host::address), "10.0.0.1,");
    EXPECT_EQ(join_hosts(hosts, &Host::port), "1,2");
}

TEST(Hosts, only_names_are_looked_up) {
    EXPECT_TRUE(needs_lookup({"db.example", "", ""}));
    EXPECT_TRUE(needs_lookup({"localhost", "", ""}));
    for (const Host &host : {Host{"db.example", "10.0.0.1", ""}, Host{"10.0.0.1", "", ""}, Host{"::1", "", ""},
                             Host{"fe80::1%eth0", "", ""}, Host{"/tmp", "", ""}, Host{"@abstract", "", ""}, Host{"", "", ""}})
        EXPECT_FALSE(needs_lookup(host)) << host.name;
}

TEST(HostTurns, who_failed_comes_last_until_somebody_succeeds) {
    const Hosts as_given{{"a", "", ""}, {"b", "", ""}, {"c", "", ""}};
    HostTurns turns;
    auto order = [&] {
        Hosts hosts = as_given;
        turns.arrange(hosts);
        return join_hosts(hosts, &Host::name);
    };
    EXPECT_EQ(order(), "a,b,c");
    turns.failed(as_given[0]);
    EXPECT_EQ(order(), "b,c,a");
    turns.failed(as_given[1]);
    EXPECT_EQ(order(), "c,a,b");
    turns.failed(as_given[2]);
    EXPECT_EQ(order(), "a,b,c") << "nobody is picked for ever";
    turns.failed(as_given[0]);
    EXPECT_EQ(order(), "b,c,a");
    turns.succeeded();
    EXPECT_EQ(order(), "a,b,c");
}

TEST(HostTurns, a_host_is_the_same_as_libpq_names_it) {
    for (const Host &as_given : {Host{"10.0.0.1", "", "1"}, Host{"", "10.0.0.1", "1"}, Host{"10.0.0.1", "10.0.0.1", "1"}}) {
        Hosts hosts{as_given, {"b", "", "1"}};
        HostTurns turns;
        turns.failed({"10.0.0.1", "10.0.0.1", "1"});
        turns.arrange(hosts);
        EXPECT_EQ(hosts.back(), as_given);
    }
    Hosts hosts{{"/tmp", "", ""}, {"b", "", ""}};
    HostTurns turns;
    turns.failed({"/tmp", "", "5432"});
    turns.arrange(hosts);
    EXPECT_EQ(hosts.back().name, "/tmp");
}

TEST(Hosts, of_this_machine_are_sockets_and_loopback_addresses) {
    for (const Host &host : {Host{}, Host{"/tmp", "", ""}, Host{"@abstract", "", ""}, Host{"localhost", "", ""},
                             Host{"db.localhost", "", ""}, Host{"127.0.0.1", "", ""}, Host{"127.1.2.3", "", ""}, Host{"::1", "", ""},
                             Host{"::ffff:127.0.0.1", "", ""}, Host{"db.example", "127.0.0.1", ""}})
        EXPECT_TRUE(is_local(host)) << host.name;
    for (const Host &host : {Host{"db", "", ""}, Host{"10.0.0.1", "", ""}, Host{"fe80::1", "", ""}, Host{"localhost", "10.0.0.1", ""},
                             Host{"localhost.example", "", ""}, Host{"::ffff:10.0.0.1", "", ""}, Host{"128.0.0.1", "", ""}})
        EXPECT_FALSE(is_local(host)) << host.name;
}

} // namespace
} // namespace outbox
