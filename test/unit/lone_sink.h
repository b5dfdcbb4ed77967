// One at-least-once sink with librdkafka's mock cluster, driven as the relay drives it, with the events of one transaction.
#pragma once

#include "mock_kafka.h"
#include "relay/kafka/at_least_once_sink.h"

#include <gtest/gtest.h>

#include <cstring>

namespace outbox {

class LoneSink : public testing::Test, public DeliveryListener {
protected:
    static constexpr auto patience = std::chrono::seconds(60); // long enough for a busy machine

    void delivered(const Chunk &) override { delivered_++; }

    void start() {
        sink_ = std::make_unique<AtLeastOnceSink>(target_, budget_, *this);
        sink_->start({});
    }

    // Offers one event in a chunk of its own, which the sink then holds. All events are of one transaction.
    bool offer(const std::string &topic = "orders") {
        std::string line = R"({"topic":")" + topic + R"(","key":")" + key_ + R"(","id":"01a20c11-09d4-7b9d-95a5-66f7b2170e7a","payload":)" +
                           payload_ + "}";
        Memory memory(strdup(line.c_str()));
        std::string_view lines(memory.get(), line.size());
        Chunk::Pointer chunk = Chunk::create(std::move(memory), lines, 0, budget_);
        chunk->set_transaction(0, Lsn{0x100});
        Event event = parse_event(lines);
        event.ordinal = taken_ + 1;
        answer_ = sink_->offer({Lsn{0x100}, Lsn{0x100}, commit_time_ms_}, event, *chunk);
        taken_ += answer_ == Offer::taken;
        return answer_ == Offer::taken;
    }

    template <class Condition>
    bool serve_until(Condition condition) {
        for (auto until = Clock::now() + patience; Clock::now() < until;) {
            if (condition())
                return true;
            pollfd wanted = sink_->wanted();
            poll(&wanted, 1, 50);
            sink_->serve();
        }
        return false;
    }

    bool offer_when_ready() {
        return serve_until([this] { return offer(); });
    }

    bool start_and_deliver_one() {
        start();
        if (!offer_when_ready())
            return false;
        sink_->flush();
        return serve_until([this] { return delivered_ == 1; });
    }

    bool deliver(int events) {
        for (int i = 0; i < events; i++)
            if (!offer_when_ready())
                return false;
        sink_->flush();
        return serve_until([this] { return sink_->empty(); });
    }

    bool deliver_to(const std::string &topic) {
        if (!serve_until([&] { return offer(topic); }))
            return false;
        sink_->flush();
        return serve_until([this] { return sink_->empty(); });
    }

    // The error after Kafka has refused an event, and nothing can replace the event.
    std::string poison() {
        try {
            serve_until([] { return false; });
        } catch (const PoisonedEvent &poisoned) {
            return poisoned.what();
        }
        ADD_FAILURE() << "nothing was refused";
        return "";
    }

    int64_t orders() { return kafka_.size_of("orders"); }
    int64_t dead_letters() { return kafka_.size_of("outbox.dead-letter"); }

    MockKafka kafka_{"orders", "payments", "outbox.dead-letter"};
    KafkaTarget target_{.brokers = kafka_.brokers(), .properties = {}};
    Budget budget_{1 << 20};
    int delivered_ = 0;
    uint64_t taken_ = 0;
    Offer answer_{};
    std::string key_ = "42", payload_ = R"({"n":1})";
    int64_t commit_time_ms_ = now_ms();
    std::unique_ptr<AtLeastOnceSink> sink_;
};

} // namespace outbox
