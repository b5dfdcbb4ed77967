// Tokens for SASL/OAUTHBEARER that a command prints: librdkafka asks for one when it connects and again before the last one expires, in a
// thread of its own, and the command runs there, so that nothing of the relay waits for it. Tested by test/unit/token_test.cpp and
// test/t/113_token.t.
#pragma once

#include <cstdint>
#include <string>

#include <librdkafka/rdkafka.h>

namespace outbox {

// Not one of librdkafka's: how make_kafka_conf() and the like are told the command.
constexpr const char *token_command_property = "token command";

struct Token {
    std::string value;
    std::string principal;
    int64_t expires_at_ms = 0; // since 1970
};

// What the command printed: a JWT, whose `exp` and `sub` are read, or an object as token endpoints answer with. That has `access_token` (or
// `token`), and `expires_in` (seconds), `expires_on` (seconds since 1970) or `expires_at_ms`, or the token is a JWT; `principal` may stand
// for the JWT's `sub`. Throws std::invalid_argument with what was expected, without what was printed.
Token parse_token(const std::string &text, int64_t now_ms);

// Has the client ask the command; the mechanism has to be OAUTHBEARER.
void use_token_command(rd_kafka_conf_t *conf, const std::string &command);

// Begins to answer. Nothing where the client has no command.
void start_tokens(rd_kafka_t *client);

// As rd_kafka_destroy(), but does not wait for a command that runs: it is ended.
void destroy_kafka_client(rd_kafka_t *client);

} // namespace outbox
