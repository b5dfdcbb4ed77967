#include "relay/kafka/token.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

constexpr int64_t now_ms = 1'700'000'000'000;

std::string said(const std::string &text) {
    try {
        Token token = parse_token(text, now_ms);
        return token.value + " of " + token.principal + " until " + std::to_string(token.expires_at_ms);
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
}

// {"sub":"relay","exp":1700000900}
const std::string jwt = "e30.eyJzdWIiOiJyZWxheSIsImV4cCI6MTcwMDAwMDkwMH0.sig";

TEST(TokenTest, of_a_jwt_says_itself_whose_it_is_and_until_when) { EXPECT_EQ(said(jwt), jwt + " of relay until 1700000900000"); }

TEST(TokenTest, an_answer_of_a_token_endpoint_has_its_lifetime_beside_it) {
    EXPECT_EQ(said(R"({"access_token":"abc","expires_in":60,"token_type":"Bearer"})"), "abc of  until 1700000060000");
    EXPECT_EQ(said(R"({"access_token":"abc","expires_in":"60"})"), "abc of  until 1700000060000") << "Azure's numbers are in quotes";
    EXPECT_EQ(said(R"({"access_token":"abc","expires_on":"1700000070"})"), "abc of  until 1700000070000");
    EXPECT_EQ(said(R"({"token":"abc","expires_at_ms":1700000080000,"principal":"me"})"), "abc of me until 1700000080000");
    EXPECT_EQ(said(R"({"access_token":")" + jwt + R"("})"), jwt + " of relay until 1700000900000");
    EXPECT_EQ(said(R"({"access_token":")" + jwt + R"(","expires_in":60,"principal":"me"})"), jwt + " of me until 1700000060000");
}

TEST(TokenTest, what_is_none_is_not_repeated) {
    for (const char *text :
         {"", "canary canary", "{canary", "{\"canary\":1}", "{\"access_token\":\"\"}", "[\"canary\"]\n", "{\"access_token\":7}"})
        EXPECT_EQ(said(text), "expected a JWT, or a JSON object with access_token and expires_in") << text;
    for (const char *text : {"canary", "a.b.c", "{\"access_token\":\"canary\"}", "{\"access_token\":\"canary\",\"expires_in\":-1}",
                             "{\"access_token\":\"canary\",\"expires_in\":1e300}", "{\"access_token\":\"canary\",\"expires_in\":\"0x60\"}",
                             "{\"access_token\":\"canary\",\"expires_in\":\" 60\"}", "{\"access_token\":\"canary\",\"expires_in\":null}"})
        EXPECT_EQ(said(text), "the output does not say when the token expires: expected expires_in, in seconds, or a JWT with exp") << text;
    std::string deep(100000, '[');
    EXPECT_EQ(said("{\"access_token\":" + deep), "expected a JWT, or a JSON object with access_token and expires_in");
}

} // namespace
} // namespace outbox
