// Looks up the names of brokers for librdkafka, in time. librdkafka's threads call getaddrinfo(), which takes as long as the name servers
// do, and until it returns a thread neither gives back the records in flight nor ends: a relay that is told to stop would wait for the name
// server. Tested by test/unit/broker_names_test.cpp and test/t/068_names.t.
#pragma once

#include "base/name_lookup.h"

#include <chrono>
#include <mutex>
#include <string>

#include <librdkafka/rdkafka.h>
#include <netdb.h>

namespace outbox {

class BrokerNames {
public:
    // For so long a caller waits. Longer than name servers take that are well, and far shorter than any grace of the relay.
    static constexpr auto patience = std::chrono::milliseconds(1000);
    // For so long an answer counts that came after its caller had gone. Longer than librdkafka pauses between two attempts to connect.
    static constexpr auto late_answers_count = std::chrono::seconds(60);

    explicit BrokerNames(NameLookup::Resolve resolve = NameLookup::resolve_by_system) : lookup_(std::move(resolve)) {}

    // As getaddrinfo(), but EAI_AGAIN where there is no answer within the patience. The look-up goes on, and its answer is for the next
    // call: so a name server that takes longer than the patience is served as well. Any thread may call. release() frees what was found.
    int resolve(const char *name, const char *service, const addrinfo &hints, addrinfo **found);
    static void release(addrinfo *found);

private:
    NameLookup::Answer wait_for(const std::string &name);
    bool take(const std::string &name, NameLookup::Answer &answer);

    std::mutex mutex_; // of the look-up
    NameLookup lookup_;
};

// The configuration's client looks up names by one BrokerNames, which all clients of the process share.
void look_names_up_in_time(rd_kafka_conf_t *conf);

} // namespace outbox
