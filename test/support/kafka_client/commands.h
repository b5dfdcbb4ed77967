// The commands of kafka-client. Each throws where Kafka refuses.
#pragma once

#include "test/support/kafka_client/client.h"

namespace kafka_client {

// Commands about the cluster; arguments: [SECONDS [NODES]], and [SECONDS].
void ready(const char *brokers, Arguments arguments);
void in_sync(const char *brokers, Arguments arguments);

// Prints the node that leads each partition of the topics.
void leaders(const char *brokers, Arguments topics);

// Commands about one topic; they return when the metadata of every broker shows the change.
void create_topic(const char *brokers, Arguments arguments);
void create_topics(const char *brokers,
                   Arguments arguments); // a number of topics, each named by the prefix and a number; some hundred in one request
void configure_topic(const char *brokers, Arguments arguments); // settings that are not named get their defaults
void add_partitions(const char *brokers, Arguments arguments);  // until the topic has PARTITIONS
void delete_topic(const char *brokers, Arguments arguments);

// Commands about records: print every record that exists at the start, print the end offsets, delete all records.
void consume(const char *brokers, Arguments topics);
void ends(const char *brokers, Arguments topics);
void trim(const char *brokers, Arguments topics);

} // namespace kafka_client
