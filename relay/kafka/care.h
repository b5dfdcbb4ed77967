// The care that a producer takes with the next records, beside the rules for all producers. A producer is made with its care, so other care
// takes another producer. Tested by test/unit/at_least_once_sink_test.cpp and test/unit/exactly_once_sink_test.cpp.
#pragma once

#include "kafka/properties.h"
#include "kafka/statistics.h"

#include <cstddef>
#include <string>

namespace outbox {

struct Care {
    bool each_alone = false;        // each record is a batch of its own
    bool survives_refusals = false; // one record is on its way at a time
    bool one_batch = false;         // one batch is on its way at a time, since the partitions forget the producer
    bool has_many_topics = false;   // no statistics: librdkafka would write some 25 kB for each topic
    size_t batch_bytes = 0;         // the most bytes of a batch; 0: as configured
    bool operator==(const Care &) const = default;

    void put_into(rd_kafka_conf_t *conf) const {
        auto set = [conf](const char *property, const char *value) { rd_kafka_conf_set(conf, property, value, nullptr, 0); };
        if (one_batch || survives_refusals)
            set("max.in.flight.requests.per.connection", "1");
        if (survives_refusals)
            set("enable.gapless.guarantee", "false");
        if (each_alone)
            set("batch.num.messages", "1");
        if (each_alone || survives_refusals)
            set("linger.ms", "0");
        char interval[32] = "";
        size_t size = sizeof(interval);
        rd_kafka_conf_get(conf, "statistics.interval.ms", interval, &size);
        if (has_many_topics)
            set("statistics.interval.ms", "0");
        else if (std::string_view(interval) == "0")
            set("statistics.interval.ms", statistics_interval_ms);
        if (batch_bytes != 0)
            set("batch.size", std::to_string(batch_bytes).c_str());
    }
};

} // namespace outbox
