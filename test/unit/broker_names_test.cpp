#include "relay/kafka/broker_names.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <atomic>
#include <future>
#include <thread>

namespace outbox {
namespace {

using std::chrono::steady_clock;

// A name server that answers when the test says so, and counts the questions.
class BrokerNamesTest : public testing::Test {
protected:
    ~BrokerNamesTest() override { answer_with({{"10.0.0.1"}, ""}); }
    void answer_with(NameLookup::Answer answer) {
        if (!std::exchange(has_answered_, true))
            server_->set_value(std::move(answer));
    }
    // The addresses with their ports, or the code of getaddrinfo().
    static std::string resolve(BrokerNames &names, const char *name, int family = AF_UNSPEC) {
        addrinfo hints = {}, *found = nullptr;
        hints.ai_family = family;
        hints.ai_socktype = SOCK_STREAM;
        if (int code = names.resolve(name, "9092", hints, &found); code != 0)
            return gai_strerror(code);
        std::string text;
        for (addrinfo *each = found; each != nullptr; each = each->ai_next) {
            char host[NI_MAXHOST], port[NI_MAXSERV];
            EXPECT_EQ(getnameinfo(each->ai_addr, each->ai_addrlen, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV),
                      0);
            text += std::string(text.empty() ? "" : " ") + host + ":" + port;
        }
        BrokerNames::release(found);
        return text;
    }

    std::shared_ptr<std::promise<NameLookup::Answer>> server_ = std::make_shared<std::promise<NameLookup::Answer>>();
    std::shared_future<NameLookup::Answer> answer_ = server_->get_future().share();
    std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
    NameLookup::Resolve look_up_ = [answer = answer_, asked = asked_](const std::string &) {
        ++*asked;
        return answer.get();
    };
    bool has_answered_ = false;
};

TEST_F(BrokerNamesTest, every_address_comes_with_the_port) {
    BrokerNames names(look_up_);
    answer_with({{"10.0.0.1", "fd00::1"}, ""});
    EXPECT_EQ(resolve(names, "broker"), "10.0.0.1:9092 fd00::1:9092");
    EXPECT_EQ(resolve(names, "broker", AF_INET), "10.0.0.1:9092");
    EXPECT_EQ(*asked_, 2) << "an answer counts once";
}

TEST_F(BrokerNamesTest, a_numeric_address_needs_no_name_server) {
    BrokerNames names(look_up_);
    EXPECT_EQ(resolve(names, "192.0.2.7"), "192.0.2.7:9092");
    EXPECT_EQ(resolve(names, "::1"), "::1:9092");
    EXPECT_EQ(*asked_, 0);
}

TEST_F(BrokerNamesTest, a_dead_name_server_holds_nobody_longer_than_the_patience) {
    BrokerNames names(look_up_);
    auto start = steady_clock::now();
    EXPECT_EQ(resolve(names, "broker"), gai_strerror(EAI_AGAIN));
    auto took = steady_clock::now() - start;
    EXPECT_GE(took, BrokerNames::patience);
    EXPECT_LT(took, BrokerNames::patience * 5);
}

TEST_F(BrokerNamesTest, an_answer_that_comes_late_is_for_the_next_call) {
    BrokerNames names(look_up_);
    EXPECT_EQ(resolve(names, "broker"), gai_strerror(EAI_AGAIN));
    answer_with({{"10.0.0.2"}, ""});
    EXPECT_EQ(resolve(names, "broker"), "10.0.0.2:9092");
    EXPECT_EQ(*asked_, 1);
}

TEST_F(BrokerNamesTest, many_threads_wait_for_one_look_up) {
    BrokerNames names(look_up_);
    std::vector<std::future<std::string>> callers;
    for (int i = 0; i < 8; i++)
        callers.push_back(std::async(std::launch::async, [&] { return resolve(names, "broker"); }));
    while (*asked_ == 0)
        std::this_thread::yield();
    EXPECT_EQ(*asked_, 1);
    answer_with({{"10.0.0.3"}, ""});
    for (auto &caller : callers)
        EXPECT_EQ(caller.get(), "10.0.0.3:9092");
}

TEST_F(BrokerNamesTest, the_name_server_s_error_is_passed_on) {
    BrokerNames names(look_up_);
    answer_with({{}, "unknown", EAI_NONAME});
    EXPECT_EQ(resolve(names, "broker"), gai_strerror(EAI_NONAME));
}

} // namespace
} // namespace outbox
