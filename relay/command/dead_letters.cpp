#include "command/dead_letters.h"

#include "core/pretty.h"
#include "kafka/dead_letters.h"

#include <fmt/chrono.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <iostream>

namespace outbox {
namespace {

// The text without control characters: a role that may write to the topic may write any bytes into a header.
std::string visible(const std::string &text) {
    std::string shown;
    append_visible(text, shown);
    return shown;
}

std::string time_text(int64_t ms) {
    return ms <= 0 ? "" : fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<time_t>(ms / 1000)));
}

std::string json_of(const DeadLetter &letter) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::CrtAllocator> json(buffer);
    auto text = [&](const char *key, const std::string &value) {
        json.Key(key);
        json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    json.StartObject();
    text("id", letter.id);
    text("topic", letter.topic);
    text("type", letter.type);
    text("reason", letter.reason);
    text("lsn", letter.lsn);
    text("committed_at", time_text(letter.committed_at_ms));
    text("set_aside_at", time_text(letter.set_aside_at_ms));
    json.Key("partition");
    json.Int(letter.partition);
    json.Key("offset");
    json.Int64(letter.offset);
    json.Key("payload_bytes");
    json.Uint64(letter.payload_bytes);
    json.EndObject();
    return buffer.GetString();
}

} // namespace

int list_dead_letters(const DeadLettersCommand &command, Signals &signals) {
    auto letters = read_dead_letters(command.kafka, command.topic, command.limit, signals);
    for (const DeadLetter &letter : letters) {
        if (command.json)
            std::cout << json_of(letter) << '\n';
        else
            std::cout << visible(fmt::format("{}  {}  {}  {} bytes  {}", time_text(letter.set_aside_at_ms), letter.topic, letter.id,
                                             letter.payload_bytes, letter.reason))
                      << '\n';
    }
    if (!command.json)
        std::cout << letters.size() << (letters.size() == 1 ? " dead letter" : " dead letters") << " in topic \""
                  << command.kafka.dead_letter_topic << "\"\n";
    std::cout << std::flush;
    return 0;
}

} // namespace outbox
