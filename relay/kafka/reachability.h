// Whether Kafka can be reached, and the reason where not, derived from one librdkafka client's words about its connections. Pure: the clock
// is the caller's. Tested by test/unit/reachability_test.cpp, and against real brokers by test/t/063_kafka_out_of_reach.t.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <string>
#include <string_view>

namespace outbox {

// The parts of an error event.
struct ConnectionError {
    std::string broker; // host:port
    std::string reason;
    bool is_refusal = false;    // the broker refuses a password, a certificate, TLS or its absence; passes only when an operator acts
    bool was_connected = false; // a standing connection has ended, as an idle one does; another may well be made
};
ConnectionError parse_connection_error(rd_kafka_resp_err_t error, std::string_view text);

class Reachability {
public:
    using Time = std::chrono::steady_clock::time_point;

    // An error event of the client.
    void note(rd_kafka_resp_err_t error, std::string_view text, Time now);
    // Reads a line of the client's log: only there librdkafka 2.14 says that a broker has closed a connection.
    void note_log(int level, std::string_view facility, std::string_view line, Time now);
    void unanswered() { is_unanswered_ = true; } // a request had no answer in time
    void answered();

    // as far as the client has tried
    bool is_away() const { return is_unanswered_ || last_.is_refusal || (are_all_down_ && !last_.reason.empty()); }
    bool has_answered() const { return has_answered_; } // at least once
    bool is_refused() const { return last_.is_refusal; }
    bool is_refused_for_good(Time now) const { return is_refused() && now >= refused_since_ + certain_after; }

    // "Kafka cannot be reached at 127.0.0.1:9092: Connection refused", "Kafka does not answer".
    std::string sentence() const;

private:
    static constexpr std::chrono::milliseconds certain_after{2000}; // a broker that has just started may not know its users yet

    ConnectionError last_;
    Time refused_since_{};
    bool are_all_down_ = false; // no connection to any broker stands
    bool is_unanswered_ = false, has_answered_ = false;
};

} // namespace outbox
