#include "base/log.h"

#include <algorithm>
#include <cctype>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace outbox {
namespace {

// The message as a JSON string; the pattern around it makes the object.
class JsonMessage : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg &message, const std::tm &, spdlog::memory_buf_t &out) override {
        rapidjson::StringBuffer buffer;
        rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
        writer.String(message.payload.data(), static_cast<rapidjson::SizeType>(message.payload.size()));
        out.append(buffer.GetString(), buffer.GetString() + buffer.GetSize());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

bool is_hex(char c) { return isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// How long the event's id is that the text begins with; 0: none.
size_t id_size(std::string_view text) {
    constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
    if (text.size() < shape.size())
        return 0;
    for (size_t i = 0; i < shape.size(); i++)
        if (shape[i] == '-' ? text[i] != '-' : !is_hex(text[i]))
            return 0;
    return shape.size();
}

// How long the name of a topic is that the text begins with, with what introduces it; 0: none.
size_t topic_size(std::string_view text) {
    constexpr std::string_view opening = "topic \"";
    return text.starts_with(opening) ? std::min(text.find('"', opening.size()), text.size()) : 0;
}

} // namespace

std::string without_numbers(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        size_t run = 0;
        while (run < text.size() && is_hex(text[run]))
            run++;
        size_t literal = std::max({id_size(text), topic_size(text), size_t{run == 0}});
        bool is_number = literal == 0 && std::any_of(text.begin(), text.begin() + static_cast<long>(run), is_digit);
        size_t taken = literal > 0 ? literal : run;
        out += is_number ? "#" : text.substr(0, taken);
        text.remove_prefix(taken);
    }
    return out;
}

void start_logging(LogFormat format, spdlog::level::level_enum level) {
    auto logger = std::make_shared<spdlog::logger>("outbox-relay", std::make_shared<spdlog::sinks::stderr_sink_st>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (format == LogFormat::json)
        formatter->add_flag<JsonMessage>('*').set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
    else
        formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v");
    logger->set_formatter(std::move(formatter));
    logger->set_level(level);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace outbox
