// Prints records as lines of JSON on standard output, with the members always in the same order.
#pragma once

#include <librdkafka/rdkafka.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace kafka_client {

class RecordPrinter {
public:
    void print(const rd_kafka_message_t &message);

private:
    using Bytes = std::string_view;

    void name(const char *name) { json_.Key(name); }
    void string(Bytes text) { json_.String(text.data() ? text.data() : "", static_cast<unsigned>(text.size())); }
    void member(const char *key, Bytes text) { name(key), string(text); }
    void member(const char *key, int64_t number) { name(key), json_.Int64(number); }
    void null(const char *key) { name(key), json_.Null(); }
    void base64_member(const char *key, Bytes bytes);
    void headers(const rd_kafka_message_t &message);

    rapidjson::StringBuffer line_;
    rapidjson::Writer<rapidjson::StringBuffer> json_{line_};
    std::string base64_;
};

} // namespace kafka_client
