// The commands of kafka-client. Each throws where Kafka does not do what was asked for.
#pragma once

#include "test/support/kafka_client/client.h"

namespace kafka_client {

// The cluster: [SECONDS [NODES]], and [SECONDS].
void ready(const char *brokers, Arguments arguments);
void in_sync(const char *brokers, Arguments arguments);

// Which node leads each partition of the topics.
void leaders(const char *brokers, Arguments topics);

// One topic by its name; they return when every broker shows what was asked for.
void create_topic(const char *brokers, Arguments arguments);
void create_topics(const char *brokers, Arguments arguments);   // so many, each with the prefix and a number: some hundred in one request
void configure_topic(const char *brokers, Arguments arguments); // what is not named gets its default again
void add_partitions(const char *brokers, Arguments arguments);  // so that the topic has as many as PARTITIONS says
void delete_topic(const char *brokers, Arguments arguments);

// The records of topics: every one that there was at the start, where the partitions end, and the deletion of all.
void consume(const char *brokers, Arguments topics);
void ends(const char *brokers, Arguments topics);
void trim(const char *brokers, Arguments topics);

} // namespace kafka_client
