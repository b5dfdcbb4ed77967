#include "base/log.h"

#include "base/log_fields.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iterator>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace outbox {
namespace {

std::string slot_of_all;                        // log_slot() sets the name before a second thread writes a line
thread_local const LogFields *fields = nullptr; // of the line that this thread writes now; null: the line has none

void append(spdlog::memory_buf_t &out, std::string_view text) { out.append(text.data(), text.data() + text.size()); }

void append_string(spdlog::memory_buf_t &out, std::string_view text) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    append(out, {buffer.GetString(), buffer.GetSize()});
}

void append_field(spdlog::memory_buf_t &out, std::string_view name, std::string_view value) {
    if (value.empty())
        return;
    append(out, ",\"");
    append(out, name);
    append(out, "\":");
    append_string(out, value);
}

// Writes the message as a JSON string, and the fields behind the message; the pattern around both makes the object.
class JsonMessage : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg &message, const std::tm &, spdlog::memory_buf_t &out) override {
        append_string(out, {message.payload.data(), message.payload.size()});
        append_field(out, "slot", slot_of_all);
        if (fields == nullptr)
            return;
        append_field(out, "event", name_of(fields->event));
        append_field(out, "topic", fields->topic);
        append_field(out, "id", fields->id);
        append_field(out, "lsn", fields->lsn);
        append_field(out, "code", fields->code);
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

// Writes "<4>" before a line: the journal reads the number as the line's priority.
class Priority : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg &message, const std::tm &, spdlog::memory_buf_t &out) override {
        append(out, message.level >= spdlog::level::err    ? "<3>"
                    : message.level == spdlog::level::warn ? "<4>"
                    : message.level == spdlog::level::info ? "<6>"
                                                           : "<7>");
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Priority>(); }
};

// True where standard error is still the stream of the journal that the service manager named in $JOURNAL_STREAM.
bool logs_to_journal() {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat found {};
    return stream != nullptr && fstat(STDERR_FILENO, &found) == 0 &&
           std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == stream;
}

bool is_hex(char c) { return isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return static_cast<char>(tolower(static_cast<unsigned char>(c))); }

// The size of an event's id at the start of the text; 0: the text does not begin with one.
size_t id_size(std::string_view text) {
    constexpr std::string_view shape = "00000000-0000-0000-0000-000000000000";
    if (text.size() < shape.size())
        return 0;
    for (size_t i = 0; i < shape.size(); i++)
        if (shape[i] == '-' ? text[i] != '-' : !is_hex(text[i]))
            return 0;
    return shape.size();
}

// The size of `topic "NAME"` at the start of the text; 0: the text does not begin so.
size_t topic_size(std::string_view text) {
    constexpr std::string_view opening = "topic \"";
    return text.starts_with(opening) ? std::min(text.find('"', opening.size()), text.size()) : 0;
}

} // namespace

const char *name_of(LogEvent event) {
    constexpr const char *names[] = {"started",         "listening",      "streaming",        "stream-waits",   "stream-lost",
                                     "kafka-away",      "kafka-accepts",  "topic-waited",     "topic-there",    "producer-lost",
                                     "event-set-aside", "event-rejected", "message-rejected", "records-lost",   "position",
                                     "server-stops",    "settings-read",  "settings-refused", "restart-needed", "exposed",
                                     "stopping",        "stopped",        "stopped-early",    "slot-lost",      "failed"};
    static_assert(std::size(names) == static_cast<size_t>(LogEvent::failed) + 1);
    return names[static_cast<size_t>(event)];
}

void log_slot(const std::string &slot) { slot_of_all = slot; }

LogScope::LogScope(const LogFields &about) { fields = &about; }
LogScope::~LogScope() { fields = nullptr; }

std::string without_numbers(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        size_t run = 0;
        while (run < text.size() && is_hex(text[run]))
            run++;
        size_t name = std::max(id_size(text), topic_size(text)), taken = name > 0 ? name : std::max(run, size_t{1});
        if (name == 0 && std::any_of(text.begin(), text.begin() + static_cast<long>(run), is_digit))
            out += "#";
        else if (name > 0)
            out += text.substr(0, taken);
        else
            std::transform(text.begin(), text.begin() + static_cast<long>(taken), std::back_inserter(out), to_lower);
        text.remove_prefix(taken);
    }
    return out;
}

void start_logging(LogFormat format, spdlog::level::level_enum level) {
    auto logger = std::make_shared<spdlog::logger>("outbox-relay", std::make_shared<spdlog::sinks::stderr_sink_st>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    std::string pattern =
        format == LogFormat::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})" : "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
    formatter->add_flag<JsonMessage>('*').add_flag<Priority>('J').set_pattern((logs_to_journal() ? "%J" : "") + pattern);
    logger->set_formatter(std::move(formatter));
    logger->set_level(level);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace outbox
