#include "kafka/token.h"

#include "base/shell_command.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>

#include <rapidjson/document.h>

namespace outbox {
namespace {

constexpr const char *expected = "expected a JWT, or a JSON object with access_token and expires_in";

// nullopt: the text is no base64url.
std::optional<std::string> decode_base64url(std::string_view text) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;
    for (char c : text.substr(0, text.find('='))) {
        size_t digit = digits.find(c);
        if (digit == std::string_view::npos)
            return std::nullopt;
        bits = bits << 6 | static_cast<uint32_t>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xff);
        }
    }
    return bytes;
}

bool parse_object(rapidjson::Document &document, const std::string &text) {
    document.Parse<rapidjson::kParseIterativeFlag>(text.c_str(), text.size());
    return !document.HasParseError() && document.IsObject();
}

std::string text_of(const rapidjson::Document &object, const char *name) {
    auto found = object.FindMember(name);
    return found == object.MemberEnd() || !found->value.IsString() ? ""
                                                                   : std::string(found->value.GetString(), found->value.GetStringLength());
}

// Reads a number; some token endpoints put their numbers in quotes. At most 1e14: some thousand years in milliseconds.
std::optional<int64_t> number_of(const rapidjson::Document &object, const char *name) {
    constexpr double most = 1e14;
    auto found = object.FindMember(name);
    if (found == object.MemberEnd())
        return std::nullopt;
    double value = -1;
    if (found->value.IsNumber())
        value = found->value.GetDouble();
    else if (std::string_view text = found->value.IsString() ? found->value.GetString() : "";
             !text.empty() && isdigit(static_cast<unsigned char>(text[0])) && text.find_first_not_of("0123456789.eE+-") == text.npos)
        value = std::strtod(text.data(), nullptr); // libc++ 19 has no from_chars of a double
    return value > 0 && value < most ? std::optional(static_cast<int64_t>(value)) : std::nullopt;
}

// Takes the facts that are still missing from the token's own claims. The brokers check the signature.
void read_claims(Token &token) {
    size_t first = token.value.find('.'), second = first == std::string::npos ? first : token.value.find('.', first + 1);
    if (second == std::string::npos)
        return;
    std::optional<std::string> claims = decode_base64url(std::string_view(token.value).substr(first + 1, second - first - 1));
    rapidjson::Document document;
    if (!claims || !parse_object(document, *claims))
        return;
    if (token.principal.empty())
        token.principal = text_of(document, "sub");
    if (token.expires_at_ms == 0)
        token.expires_at_ms = number_of(document, "exp").value_or(0) * 1000;
}

void read_answer(Token &token, const std::string &text, int64_t now_ms) {
    rapidjson::Document document;
    if (!parse_object(document, text))
        throw std::invalid_argument(expected);
    token.value = text_of(document, "access_token");
    if (token.value.empty())
        token.value = text_of(document, "token");
    token.principal = text_of(document, "principal");
    if (auto seconds = number_of(document, "expires_in"))
        token.expires_at_ms = now_ms + *seconds * 1000;
    else if (auto on = number_of(document, "expires_on"))
        token.expires_at_ms = *on * 1000;
    else
        token.expires_at_ms = number_of(document, "expires_at_ms").value_or(0);
}

// The clients whose token commands run, each with a descriptor that becomes readable once the client is being destroyed.
class Asking {
public:
    static Asking &all() {
        static Asking asking;
        return asking;
    }
    void begin(rd_kafka_t *client) {
        int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (descriptor < 0)
            throw std::system_error(errno, std::generic_category(), "eventfd");
        std::lock_guard lock(mutex_);
        descriptors_[client] = descriptor;
    }
    int descriptor(rd_kafka_t *client) { // -1: the client runs no token command
        std::lock_guard lock(mutex_);
        auto found = descriptors_.find(client);
        return found == descriptors_.end() ? -1 : found->second;
    }
    void stop(rd_kafka_t *client) {
        uint64_t one = 1;
        [[maybe_unused]] ssize_t written = write(descriptor(client), &one, sizeof(one));
    }
    void forget(rd_kafka_t *client) {
        std::lock_guard lock(mutex_);
        if (auto found = descriptors_.find(client); found != descriptors_.end()) {
            close(found->second);
            descriptors_.erase(found);
        }
    }

private:
    std::mutex mutex_;
    std::map<rd_kafka_t *, int> descriptors_;
};

// Runs the command and sets the token. Returns why there is no token, on one line; empty: the token is set.
std::string renew(rd_kafka_t *client, const char *command) {
    ShellCommand::Output output = ShellCommand().run(command, Asking::all().descriptor(client));
    if (!output.failure.empty())
        return "the token command " + output.failure + "; run it as the relay's user to see why";
    using namespace std::chrono;
    Token token;
    try {
        token = parse_token(output.text, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
    } catch (const std::invalid_argument &error) {
        return std::string("the token command's output is not a token: ") + error.what();
    }
    char words[512]; // librdkafka's words may repeat the token, so nobody sees them
    bool is_set = rd_kafka_oauthbearer_set_token(client, token.value.c_str(), token.expires_at_ms, token.principal.c_str(), nullptr, 0,
                                                 words, sizeof(words)) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return is_set
               ? ""
               : "the token command printed a token that librdkafka does not take: it has expired, or has other characters than a token's";
}

} // namespace

static void refresh_token(rd_kafka_t *client, const char *command, void *) {
    std::string reason;
    try {
        reason = renew(client, command);
    } catch (const std::system_error &error) {
        reason = std::string("the token command cannot be started: ") + error.what();
    }
    if (!reason.empty())
        rd_kafka_oauthbearer_set_token_failure(client, reason.c_str());
}

Token parse_token(const std::string &text, int64_t now_ms) {
    Token token;
    if (text.starts_with('{'))
        read_answer(token, text, now_ms);
    else
        token.value = text;
    if (token.value.empty() || token.value.find_first_of(std::string(" \t\r\n\0", 5)) != std::string::npos)
        throw std::invalid_argument(expected);
    read_claims(token);
    if (token.expires_at_ms == 0)
        throw std::invalid_argument("the output does not say when the token expires: expected expires_in, in seconds, or a JWT with exp");
    return token;
}

void use_token_command(rd_kafka_conf_t *conf, const std::string &command) {
    rd_kafka_conf_set(conf, "sasl.oauthbearer.config", command.c_str(), nullptr, 0); // librdkafka hands the text to refresh_token
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh_token);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
}

void start_tokens(rd_kafka_t *client) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_sasl(client);
    if (queue == nullptr)
        return;
    rd_kafka_queue_destroy(queue);
    Asking::all().begin(client);
    if (rd_kafka_error_t *error = rd_kafka_sasl_background_callbacks_enable(client))
        rd_kafka_error_destroy(error);
}

void stop_tokens(rd_kafka_t *client) { Asking::all().stop(client); }
void forget_tokens(rd_kafka_t *client) { Asking::all().forget(client); }

} // namespace outbox
