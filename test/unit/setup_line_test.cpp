#include "relay/config/setup_line.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

KafkaTarget exactly_once() {
    KafkaTarget kafka;
    kafka.brokers = "kafka-1:9092,kafka-2:9092";
    kafka.exactly_once = true;
    return kafka;
}

TEST(SetupLine, has_what_the_relay_was_started_with) {
    EXPECT_EQ(setup_line("host=db dbname=app user=relay", "audit", "a,b*", {}),
              "outbox-relay setup --dsn 'host=db dbname=app' --slot audit --topics 'a,b*'");
    EXPECT_EQ(setup_line("host=db dbname=app", "outbox", "", exactly_once()),
              "outbox-relay setup --dsn 'host=db dbname=app' --slot outbox --delivery exactly-once --brokers 'kafka-1:9092,kafka-2:9092'");
    KafkaTarget kafka = exactly_once();
    kafka.state_topic = "positions";
    kafka.property_file = "/etc/outbox's.properties";
    kafka.own_properties = {{"security.protocol", "SASL_SSL"}};
    std::string line = setup_line("host=db dbname=app", "outbox", "", kafka);
    EXPECT_TRUE(line.ends_with(" --state-topic positions --property-file '/etc/outbox'\\''s.properties' -X 'security.protocol=SASL_SSL'"))
        << line;
}

TEST(SetupLine, has_no_secret) {
    KafkaTarget kafka = exactly_once();
    kafka.own_properties = {{"sasl.password", "wonderland"}};
    std::string line = setup_line("postgresql://alice:wonderland@db/app", "outbox", "", kafka);
    EXPECT_EQ(line.find("wonderland"), std::string::npos) << line;
    EXPECT_EQ(line.find("alice"), std::string::npos) << line;
}

} // namespace
} // namespace outbox
