#include "kafka/statistics.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <string>
#include <vector>

namespace outbox {
namespace {

// Reads {"msg_cnt":…,"msg_size":…,"brokers":{"host:port/1":{"nodeid":1,"rtt":{"p50":…},"throttle":{"max":…}}},"topics":…}.
class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
public:
    bool StartObject() {
        path_.push_back(key_);
        if (is_broker(2)) {
            broker_ = {};
            node_ = -1;
        }
        return true;
    }
    bool EndObject(rapidjson::SizeType) {
        if (is_broker(2) && node_ >= 0 && figures_.brokers.size() < KafkaFigures::brokers_max)
            figures_.brokers[node_] = broker_;
        path_.pop_back();
        return true;
    }
    bool Key(const char *text, rapidjson::SizeType size, bool) {
        key_.assign(text, size);
        is_done_ = path_.size() == 1 && key_ == "topics";
        return !is_done_; // false stops the reader
    }
    bool Int(int value) { return number(value); }
    bool Uint(unsigned value) { return number(value); }
    bool Int64(int64_t value) { return number(static_cast<double>(value)); }
    bool Uint64(uint64_t value) { return number(static_cast<double>(value)); }
    bool Double(double value) { return number(value); }

    bool is_done() const { return is_done_; }
    KafkaFigures take() { return std::move(figures_); }

private:
    static constexpr double us = 1e-6, ms = 1e-3;

    // True within a broker's object, `depth` objects below the outer one.
    bool is_broker(size_t depth) const { return path_.size() == depth + 1 && path_[1] == "brokers"; }

    bool number(double value) {
        if (path_.size() == 1) {
            if (key_ == "msg_cnt")
                figures_.queue_events = static_cast<uint64_t>(value);
            else if (key_ == "msg_size")
                figures_.queue_bytes = static_cast<uint64_t>(value);
        } else if (is_broker(2) && key_ == "nodeid") {
            node_ = static_cast<int>(value);
        } else if (is_broker(3) && path_[3] == "rtt") {
            round_trip(value);
        } else if (is_broker(3) && path_[3] == "throttle" && key_ == "max") {
            broker_.throttle_s = value * ms;
        }
        return true;
    }

    void round_trip(double value) {
        if (key_ == "p50")
            broker_.round_trip_p50_s = value * us;
        else if (key_ == "p99")
            broker_.round_trip_p99_s = value * us;
        else if (key_ == "sum")
            broker_.round_trip_sum_s = value * us;
        else if (key_ == "cnt")
            broker_.round_trips = static_cast<uint64_t>(value);
    }

    std::vector<std::string> path_; // the keys of the objects around the value
    std::string key_;
    KafkaFigures figures_;
    KafkaFigures::Broker broker_;
    int node_ = -1; // a bootstrap address has no node id
    bool is_done_ = false;
};

} // namespace

std::optional<KafkaFigures> parse_statistics(std::string_view json) {
    rapidjson::MemoryStream stream(json.data(), json.size());
    Handler handler;
    rapidjson::Reader reader;
    if (!reader.Parse(stream, handler) && !handler.is_done())
        return std::nullopt;
    KafkaFigures figures = handler.take();
    figures.at = std::chrono::steady_clock::now();
    return figures;
}

} // namespace outbox
