#include "relay/base/name_lookup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace outbox {
namespace {

// A name server that answers when the test says so.
class NameLookupTest : public testing::Test {
protected:
    void TearDown() override { answer_with({{"10.0.0.1"}, ""}); }
    void answer_with(NameLookup::Answer answer) {
        if (!std::exchange(has_answered_, true))
            server_->set_value(std::move(answer));
    }
    static void await(NameLookup &lookup) {
        pollfd wanted = lookup.wanted();
        ASSERT_EQ(poll(&wanted, 1, 20000), 1);
        lookup.take();
    }

    std::shared_ptr<std::promise<NameLookup::Answer>> server_ = std::make_shared<std::promise<NameLookup::Answer>>();
    std::shared_future<NameLookup::Answer> answer_ = server_->get_future().share();
    std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
    NameLookup::Resolve resolve_ = [answer = answer_, asked = asked_](const std::string &) {
        ++*asked;
        return answer.get();
    };
    bool has_answered_ = false;
};

TEST_F(NameLookupTest, asking_does_not_wait) {
    NameLookup lookup(resolve_);
    lookup.ask("db");
    EXPECT_EQ(lookup.answer("db"), nullptr);
    answer_with({{"10.0.0.1", "::1"}, ""});
    await(lookup);
    ASSERT_NE(lookup.answer("db"), nullptr);
    EXPECT_EQ(lookup.answer("db")->addresses, (std::vector<std::string>{"10.0.0.1", "::1"}));
}

TEST_F(NameLookupTest, one_name_is_looked_up_once_at_a_time) {
    NameLookup lookup(resolve_);
    for (int i = 0; i < 100; i++)
        lookup.ask("db");
    answer_with({{}, "no such name"});
    await(lookup);
    EXPECT_EQ(lookup.answer("db")->error, "no such name");
    EXPECT_EQ(*asked_, 1);
    lookup.ask("db");
    EXPECT_EQ(lookup.answer("db"), nullptr) << "asked again, it is looked up again";
    await(lookup);
    EXPECT_EQ(*asked_, 2);
}

TEST_F(NameLookupTest, who_asked_may_be_gone_before_the_answer) {
    {
        NameLookup lookup(resolve_);
        lookup.ask("db");
    }
    answer_with({{"10.0.0.1"}, ""});
}

TEST(NameLookup, knows_the_names_of_this_machine) {
    NameLookup::Answer answer = NameLookup::resolve_by_system("localhost");
    EXPECT_FALSE(answer.addresses.empty()) << answer.error;
    EXPECT_FALSE(NameLookup::resolve_by_system(std::string(300, 'x')).error.empty());
}

} // namespace
} // namespace outbox
