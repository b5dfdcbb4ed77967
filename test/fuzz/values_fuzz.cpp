// The values of options: each check returns nothing or one line, and a value that was read is written without a change. The first byte
// chooses the option.
#include "relay/base/nearest.h"
#include "relay/config/dsn.h"
#include "relay/config/values.h"
#include "relay/kafka/properties.h"
#include "relay/watch/endpoint.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace {

using namespace outbox;

void require(bool holds) {
    if (!holds)
        abort();
}

void is_one_line(const std::string &reason) { require(reason.find('\n') == std::string::npos); }

void read_dsn(const std::string &text) {
    std::string reason = check_dsn(text);
    is_one_line(reason);
    if (!reason.empty())
        return;
    has_password(text);
    std::string words = describe_source(text);
    require(std::all_of(words.begin(), words.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; }));
}

void read_endpoint(const std::string &text) {
    std::optional<Endpoint> endpoint = parse_endpoint(text);
    if (!endpoint)
        return;
    std::optional<Endpoint> again = parse_endpoint(text_of(*endpoint));
    require(again && again->host == endpoint->host && again->port == endpoint->port);
}

void read_names(const std::string &text) {
    for (auto *check : {check_brokers, check_slot, check_topic, check_topics, check_id})
        is_one_line(check(text));
    require(check_topic(text).empty() <= check_topics(text).empty());
    std::string words = printable(text);
    require(words.size() <= 100 && std::all_of(words.begin(), words.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
    size_t middle = text.size() / 2;
    std::string one = text.substr(0, middle), other = text.substr(middle);
    require(is_same_topic(one, other) == is_same_topic(other, one));
    is_service_link(one, other);
    require(nearest(one, {other, one}) == one);
    is_blank(text);
}

// Leaves out the property with which librdkafka loads any library of this machine.
void read_property(const std::string &text) {
    try {
        KafkaProperty property = parse_kafka_property(text);
        is_secret(property.first);
        if (!property.first.starts_with("plugin"))
            make_kafka_conf("127.0.0.1:1", {property});
    } catch (const std::invalid_argument &refused) {
        require(*refused.what() != '\0');
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
    switch (data[0]) {
    case 'd': read_dsn(text); break;
    case 'e': read_endpoint(text); break;
    case 'n': read_names(text); break;
    case 'p': read_property(text); break;
    default: break;
    }
    return 0;
}
