#include "log.h"

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

} // namespace

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
