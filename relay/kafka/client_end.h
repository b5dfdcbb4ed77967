// Ends librdkafka's clients in bounded time. rd_kafka_destroy() waits for librdkafka's own threads: a defect there, or a callback that does
// not return, would keep the relay from ending. Tested by test/unit/client_end_test.cpp.
#pragma once

#include <chrono>
#include <functional>

#include <librdkafka/rdkafka.h>

namespace outbox {

constexpr auto client_end_patience = std::chrono::milliseconds(2000);
constexpr int clients_left_behind_max = 8; // a client that is left behind keeps a handful of threads, and what it has queued

// As rd_kafka_destroy(), but ends a token command that runs, and leaves a client behind that takes longer than client_end_patience: a
// thread goes on waiting for that client. Nothing that the client's callbacks or records refer to is used then, provided that no record is
// in flight and every queue is closed. With clients_left_behind_max clients left behind the call waits for as long as the client takes.
void destroy_kafka_client(rd_kafka_t *client);

// Runs the call on a thread of its own, and waits for the call within the patience. False: the call goes on, and counts as left behind
// (base/left_behind.h) until the call returns.
bool ends_within(std::chrono::milliseconds patience, std::function<void()> call);

} // namespace outbox
