// Checks of an option's text: hosts, brokers, slots, topics, ids. Pure; looks up no name, opens no file. A check returns why the text
// cannot be a value, in one line that says what was expected and does not repeat the text; empty: the text can. dsn.h checks PostgreSQL's
// connection string, kafka/properties.h librdkafka's properties. Tested by test/unit/values_test.cpp.
#pragma once

#include "watch/endpoint.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

bool is_blank(std::string_view text);         // nothing but blanks, line ends and the like
std::string printable(std::string_view text); // at most 100 bytes, with "?" for everything but printable ASCII

std::optional<int> parse_port(std::string_view text); // from 1 to 65535
bool is_address(std::string_view text);               // IPv4, or IPv6 without brackets
bool is_host(std::string_view text);                  // an address, or a name that a name server could know

// True for the host of "host:port", where an IPv6 address, and nothing else, has brackets. Takes the brackets off.
bool strip_brackets(std::string_view &host);

std::optional<Endpoint> parse_endpoint(std::string_view text); // "host:port", an IPv6 address in brackets; port 0: any free port

std::string check_brokers(const std::string &brokers); // host[:port],…
std::string check_slot(const std::string &slot);
std::string check_topic(const std::string &topic);         // one of the relay's own topics
std::string check_topics(const std::string &topics);       // names separated by commas, each with an optional "*" at its end
std::string check_topic_template(const std::string &text); // a topic's name with {topic} in it
std::string check_topic_prefix(const std::string &text);
std::string check_uri(const std::string &text); // a URI, or a URI reference
std::string check_id(const std::string &id);    // of an event

// Kafka does not tell "." and "_" apart: of two such topics the second cannot be created.
bool is_same_topic(std::string_view one, std::string_view other);

// True for a variable that Kubernetes sets for a service named "outbox": OUTBOX_SERVICE_HOST, OUTBOX_PORT=tcp://… and others.
bool is_service_link(std::string_view variable, std::string_view value);

} // namespace outbox
