#include "kafka/reachability.h"

#include <algorithm>

namespace outbox {
namespace {

bool is_about_connections(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__RESOLVE || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL || error == RD_KAFKA_RESP_ERR__BAD_MSG;
}

// The address in librdkafka's name of a broker: "127.0.0.1:9092/bootstrap", "sasl_ssl://kafka:9093/1", "TxnCoordinator".
std::string address_of(std::string_view name) {
    if (size_t scheme = name.find("://"); scheme != std::string_view::npos)
        name.remove_prefix(scheme + 3);
    name = name.substr(0, name.find('/'));
    return name.find(':') == std::string_view::npos ? "" : std::string(name);
}

// Kafka's own words at the end of the text, without librdkafka's call before them.
std::string_view without_call(std::string_view text) {
    if (text.starts_with("Connect to "))
        if (size_t end = text.find(" failed: "); end != std::string_view::npos)
            return text.substr(end + 9);
    return text;
}

bool speaks_of_tls(std::string_view text) {
    return text.find("SSL routines") != std::string_view::npos || text.find("SSL handshake") != std::string_view::npos ||
           text.find("security.protocol") != std::string_view::npos;
}

// The line of librdkafka's log without its "[thrd:127.0.0.1:9092/bootstrap]: ".
std::string_view without_thread(std::string_view line) {
    if (line.starts_with("[thrd:"))
        if (size_t end = line.find("]: "); end != std::string_view::npos)
            return line.substr(end + 3);
    return line;
}

constexpr int syslog_error = 3;

} // namespace

ConnectionError parse_connection_error(rd_kafka_resp_err_t error, std::string_view text) {
    ConnectionError result;
    bool is_first_request = false;
    if (size_t after = text.rfind(" (after "); after != std::string_view::npos) {
        result.was_connected = text.find("in state UP", after) != std::string_view::npos;
        is_first_request = text.find("in state APIVERSION_QUERY", after) != std::string_view::npos;
        text = text.substr(0, after);
    }
    bool is_plain = text.find("ssl://") == std::string_view::npos;
    for (size_t end; (end = text.find(": ")) < text.find(' ');) { // the names before the text
        std::string address = address_of(text.substr(0, end));
        if (!address.empty())
            result.broker = address;
        text.remove_prefix(end + 2);
    }
    result.reason = without_call(text);
    result.is_refusal = error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL || speaks_of_tls(text);
    if (is_first_request && is_plain && text.find("closed by peer") != std::string_view::npos && !result.is_refusal) {
        result.reason += ": a listener for TLS closes a connection without TLS like this; see security.protocol";
        result.is_refusal = true;
    }
    if (is_first_request && text.find("Invalid response size") != std::string_view::npos)
        result.reason = is_plain ? "what answers there is no Kafka broker, or one that expects TLS; see the port, and security.protocol"
                                 : "what answers there is no Kafka broker; see the port";
    if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION && text.find("SCRAM") != std::string_view::npos && rd_kafka_version() < 0x02060100)
        result.reason += std::string(". librdkafka ") + rd_kafka_version_str() +
                         " cannot log in by SCRAM to Kafka 3.8.1, 4.0 and later, whatever the password is; 2.6.1 can";
    return result;
}

// Notes an error. Where one broker refuses and another is only gone, the refusal stays, since an operator has to act on a refusal.
void Reachability::note(rd_kafka_resp_err_t error, std::string_view text, Time now) {
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        are_all_down_ = true;
        return;
    }
    if (!is_about_connections(error))
        return;
    ConnectionError next = parse_connection_error(error, text);
    if (next.was_connected || (is_refused() && !next.is_refusal && next.broker != last_.broker))
        return;
    if (next.is_refusal && !is_refused())
        refused_since_ = now;
    last_ = std::move(next);
}

void Reachability::note_log(int level, std::string_view facility, std::string_view line, Time now) {
    if (facility == "FAIL" && level > syslog_error)
        note(RD_KAFKA_RESP_ERR__TRANSPORT, without_thread(line), now);
}

void Reachability::answered() {
    has_answered_ = true;
    are_all_down_ = is_unanswered_ = false;
    last_ = {};
}

std::string Reachability::sentence() const {
    if (is_unanswered_ && has_answered_ && !are_all_down_ &&
        last_.reason.empty()) // a broker that is busy, stopped, or holds a client to a quota
        return "Kafka does not answer";
    std::string text = last_.is_refusal ? "Kafka refuses the connection" : "Kafka cannot be reached";
    if (!last_.broker.empty())
        text += " at " + last_.broker;
    if (!last_.reason.empty())
        text += ": " + last_.reason;
    return text;
}

} // namespace outbox
