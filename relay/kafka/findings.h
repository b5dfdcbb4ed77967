// Exactly once: the producer's troubles that delivery reports and events have brought, until the delivery reacts to them. The examination
// keeps the refusals of single records (kafka/examination.h). Tested by test/unit/exactly_once_sink_errors_test.cpp.
#pragma once

#include "base/exit_code.h"
#include "core/sink.h"
#include "kafka/errors.h"

#include <librdkafka/rdkafka.h>
#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>

namespace outbox {

struct Findings {
    std::string failure = {};                               // of a record: the Kafka transaction must be aborted; the first one stays
    std::string death = {};                                 // of the producer
    std::string loss = {};                                  // of records that Kafka had acknowledged
    bool is_late = false;                                   // a record has waited for as long as a Kafka transaction may stand
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR; // for which the Kafka transaction failed as a whole

    void fail(const std::string &text) {
        if (failure.empty())
            failure = text;
    }
    // `place`: as `topic "orders"`.
    void fail(std::string_view place, rd_kafka_resp_err_t reason) {
        if (failure.empty())
            failure = fmt::format("{}: {}", place, words_of(reason));
    }

    // Throws SinkFailure where the producer has died. Throws Failure where Kafka has lost records that it had acknowledged: nothing is
    // committed on top of the loss.
    void require_none_fatal() const {
        if (!loss.empty())
            throw Failure(ExitCode::position_refused,
                          loss + ". Exactly-once delivery stops here: decide whether consumers can do without the lost records, and "
                                 "start the relay again to go on after them");
        if (!death.empty())
            throw SinkFailure(death);
    }
};

} // namespace outbox
