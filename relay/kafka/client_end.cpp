#include "kafka/client_end.h"

#include "base/left_behind.h"
#include "base/log.h"
#include "kafka/token.h"

#include <atomic>
#include <future>
#include <memory>
#include <system_error>
#include <thread>

namespace outbox {
bool ends_within(std::chrono::milliseconds patience, std::function<void()> call) {
    auto ended = std::make_shared<std::promise<void>>();
    std::future<void> end = ended->get_future();
    auto counts = std::make_shared<std::atomic<int>>(0); // 1: the caller has gone, 2: the call has returned
    std::thread thread([call = std::move(call), ended, counts] {
        call();
        if (counts->exchange(2) == 1)
            threads_left_behind--;
        ended->set_value();
    });
    if (end.wait_for(patience) == std::future_status::ready) {
        thread.join(); // OpenSSL frees its state of a thread at the end of the thread
        return true;
    }
    thread.detach();
    threads_left_behind++;
    if (counts->exchange(1) == 2) // the call has returned meanwhile
        threads_left_behind--;
    return false;
}

void destroy_kafka_client(rd_kafka_t *client) {
    stop_tokens(client);
    auto destroy = [client] {
        rd_kafka_destroy(client);
        forget_tokens(client);
    };
    if (threads_left_behind >= clients_left_behind_max)
        return destroy();
    try {
        if (!ends_within(client_end_patience, destroy))
            spdlog::warn("librdkafka does not end a client within {} ms; the client's threads stay until they end",
                         client_end_patience.count());
    } catch (const std::system_error &) { // no thread is to be had
        destroy();
    }
}

} // namespace outbox
