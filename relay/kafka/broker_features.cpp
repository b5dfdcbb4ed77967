#include "kafka/broker_features.h"

#include "base/destroy.h"
#include "base/timed_socket.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <memory>
#include <stdexcept>

namespace outbox {
namespace {

constexpr int first_that_forgets = 30, last_that_forgets = 33; // 4.3-IV0, 4.4-IV2; 4.2 has 29, and 4.5 34
constexpr auto step_patience = std::chrono::seconds(5);
constexpr size_t answer_max = 65536;

// Kafka's encoding of the newer messages: numbers are big-endian, lengths are varints of one more than they mean, 0 is null.
class AnswerReader {
public:
    explicit AnswerReader(std::string_view bytes) : rest_(bytes) {}

    std::string_view bytes(size_t size) {
        if (size > rest_.size())
            throw std::out_of_range("the answer is cut off");
        std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    int int16() {
        std::string_view two = bytes(2);
        return static_cast<int16_t>(static_cast<unsigned char>(two[0]) << 8 | static_cast<unsigned char>(two[1]));
    }
    size_t varint() {
        uint32_t value = 0;
        for (unsigned shift = 0; shift < 35; shift += 7) {
            auto byte = static_cast<unsigned char>(bytes(1)[0]);
            value |= static_cast<uint32_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0)
                return value;
        }
        throw std::out_of_range("a number is too long");
    }
    size_t length() {
        size_t one_more = varint();
        return one_more == 0 ? 0 : one_more - 1;
    }
    void skip_tags() {
        for (size_t left = varint(); left > 0; left--) {
            varint();
            bytes(varint());
        }
    }

private:
    std::string_view rest_;
};

// The features that the broker knows: name, lowest and highest version of each.
std::optional<int> level_among(std::string_view features) {
    AnswerReader reader(features);
    for (size_t left = reader.length(); left > 0; left--) {
        std::string_view name = reader.bytes(reader.length());
        reader.int16();
        int highest = reader.int16();
        reader.skip_tags();
        if (name == "metadata.version")
            return highest;
    }
    return std::nullopt;
}

// ---- the connection

using Addresses = std::unique_ptr<addrinfo, Destroy<freeaddrinfo>>;
using TlsSettings = std::unique_ptr<SSL_CTX, Destroy<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Destroy<SSL_free>>;

// Null: no address of the host takes a connection.
std::unique_ptr<TimedSocket> connect_to(const std::string &host, const std::string &port) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
        return nullptr;
    Addresses addresses(found);
    for (const addrinfo *each = found; each != nullptr; each = each->ai_next)
        if (auto broker = std::make_unique<TimedSocket>(*each, step_patience); broker->connect_to(*each))
            return broker;
    return nullptr;
}

// Begins TLS without a look at the broker's certificate: the connection carries no secret, and a forged answer could change one sentence of
// the doctor alone.
Tls secure(int descriptor, const std::string &host, const std::vector<KafkaProperty> &properties, TlsSettings &settings) {
    settings.reset(SSL_CTX_new(TLS_client_method()));
    if (!settings)
        return nullptr;
    std::string certificate = last_value(properties, "ssl.certificate.location"), key = last_value(properties, "ssl.key.location");
    if (!certificate.empty() && last_value(properties, "ssl.key.password").empty()) {
        SSL_CTX_use_certificate_chain_file(settings.get(), certificate.c_str());
        SSL_CTX_use_PrivateKey_file(settings.get(), key.c_str(), SSL_FILETYPE_PEM);
    }
    Tls tls(SSL_new(settings.get()));
    if (!tls || SSL_set_fd(tls.get(), descriptor) != 1 || SSL_set_tlsext_host_name(tls.get(), host.c_str()) != 1 ||
        SSL_connect(tls.get()) != 1)
        return nullptr;
    return tls;
}

class Line {
public:
    Line(int descriptor, SSL *tls) : descriptor_(descriptor), tls_(tls) {}

    bool say(std::string_view bytes) {
        auto size = static_cast<int>(bytes.size());
        return tls_ != nullptr ? SSL_write(tls_, bytes.data(), size) == size
                               : send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    }
    bool hear(char *to, size_t size) {
        for (size_t heard = 0; heard < size;) {
            ssize_t now = tls_ != nullptr ? SSL_read(tls_, to + heard, static_cast<int>(size - heard))
                                          : recv(descriptor_, to + heard, size - heard, 0);
            if (now <= 0)
                return false;
            heard += static_cast<size_t>(now);
        }
        return true;
    }

private:
    int descriptor_;
    SSL *tls_;
};

// ApiVersions, version 3: its length, key, version, correlation id, client id, no tags; then name and version of the client, no tags.
constexpr std::string_view question("\0\0\0\x27\0\x12\0\x03\0\0\0\x01\0\x0c"
                                    "outbox-relay\0\x0d"
                                    "outbox-relay\x02"
                                    "1\0",
                                    43);

std::optional<int> converse(Line line) {
    unsigned char size_bytes[4];
    if (!line.say(question) || !line.hear(reinterpret_cast<char *>(size_bytes), sizeof(size_bytes)))
        return std::nullopt;
    size_t size = 0;
    for (unsigned char byte : size_bytes)
        size = size << 8 | byte;
    if (size > answer_max)
        return std::nullopt;
    std::string answer(size, '\0');
    if (!line.hear(answer.data(), size))
        return std::nullopt;
    return metadata_level(answer);
}

} // namespace

std::optional<int> metadata_level(std::string_view answer) {
    try {
        AnswerReader reader(answer);
        reader.bytes(4); // the correlation id
        if (reader.int16() != 0)
            return std::nullopt;
        for (size_t left = reader.length(); left > 0; left--) { // the requests that the broker knows
            reader.bytes(6);
            reader.skip_tags();
        }
        reader.bytes(4); // how long the broker throttles the client
        for (size_t left = reader.varint(); left > 0; left--) {
            constexpr size_t supported_features = 0;
            size_t tag = reader.varint();
            std::string_view value = reader.bytes(reader.varint());
            if (tag == supported_features)
                return level_among(value);
        }
    } catch (const std::out_of_range &) {
    }
    return std::nullopt;
}

std::optional<int> ask_metadata_level(const std::string &address, const std::vector<KafkaProperty> &properties) {
    size_t colon = address.rfind(':');
    if (colon == std::string::npos)
        return std::nullopt;
    std::string host = address.substr(0, colon), protocol = last_value(properties, "security.protocol");
    std::unique_ptr<TimedSocket> broker = connect_to(host, address.substr(colon + 1));
    if (!broker)
        return std::nullopt;
    std::transform(protocol.begin(), protocol.end(), protocol.begin(), [](unsigned char c) { return tolower(c); });
    if (!protocol.ends_with("ssl"))
        return converse(Line(broker->descriptor(), nullptr));
    TlsSettings settings;
    Tls tls = secure(broker->descriptor(), host, properties, settings);
    return tls ? converse(Line(broker->descriptor(), tls.get())) : std::nullopt;
}

bool can_forget_commits(int metadata_level) { return metadata_level >= first_that_forgets && metadata_level <= last_that_forgets; }

} // namespace outbox
