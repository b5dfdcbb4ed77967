// Tokens for SASL/OAUTHBEARER that a command prints. librdkafka asks for a token when it connects, and again before the last one expires,
// in a thread of its own. The command runs in that thread, so no part of the relay waits for it. Tested by test/unit/token_test.cpp and
// test/t/113_token.t.
#pragma once

#include <cstdint>
#include <string>

#include <librdkafka/rdkafka.h>

namespace outbox {

// No property of librdkafka: the name under which make_kafka_conf() gets the command.
constexpr const char *token_command_property = "token command";

struct Token {
    std::string value;
    std::string principal;
    int64_t expires_at_ms = 0; // since 1970
};

// Reads the command's output: a JWT, whose `exp` and `sub` are read, or an object as token endpoints return. An object has `access_token`
// (or `token`), and `expires_in` (seconds), `expires_on` (seconds since 1970) or `expires_at_ms`, or the token is a JWT; `principal` may
// stand for the JWT's `sub`. Throws std::invalid_argument with what was expected, without the output.
Token parse_token(const std::string &text, int64_t now_ms);

// The client gets its tokens from the command. The mechanism has to be OAUTHBEARER.
void use_token_command(rd_kafka_conf_t *conf, const std::string &command);

// Begins to answer the client's requests for tokens. Does nothing where the client has no command.
void start_tokens(rd_kafka_t *client);

// stop_tokens(): before the client is destroyed; ends a command that runs. forget_tokens(): after it was destroyed.
void stop_tokens(rd_kafka_t *client);
void forget_tokens(rd_kafka_t *client);

} // namespace outbox
