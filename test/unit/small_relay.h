// A small relay for tests of exactly_once_sink.cpp: one stream, sessions that start at the slot's position, and calls of the sink in the
// order of relay.cpp. It checks at every step that nothing is confirmed before the sink has delivered it.
#pragma once

#include "mock_kafka.h"
#include "relay/core/plugin_dialect.h"
#include "relay/core/session.h"
#include "relay/kafka/exactly_once_sink.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace outbox {

class SmallRelay : public testing::Test, public DeliveryListener {
protected:
    static constexpr Lsn slot_start{0x100};
    static constexpr auto patience = std::chrono::seconds(60); // long enough for a busy machine

    // ---- the stream: transactions at 0x200, 0x300, …

    static std::string event_id(uint64_t number) { return fmt::format("01a20c11-09d4-7b9d-95a5-{:012x}", number); }

    // Adds a transaction to the stream; with `apart` each line is a CopyData message. Returns the transaction's end.
    Lsn add_transaction(size_t events, size_t bytes = 10, bool apart = false, const char *topic = "orders") {
        Lsn end{0x100 * (ends_.size() + 2)};
        std::string text = fmt::format(R"({{"begin":"{}","xid":7,"ts":"{}"}})", format_lsn(end), committed_at_);
        for (size_t i = 0; i < events; i++) {
            std::string line =
                fmt::format(R"({{"topic":"{}","key":"k","id":"{}","payload":"{}"}})", topic, event_id(ids_++), std::string(bytes, 'x'));
            if (apart && i > 0)
                copies_.push_back({end, std::exchange(text, line)});
            else
                text += "\n" + line;
        }
        std::string commit = fmt::format(R"({{"commit":"{}","events":{}}})", format_lsn(end), events);
        if (apart)
            copies_.push_back({end, std::exchange(text, commit)});
        else
            text += "\n" + commit;
        copies_.push_back({end, text});
        ends_.push_back(end);
        events_[end] = events;
        return end;
    }

    // ---- the relay

    // Starts a session with a batch that Kafka has acknowledged and does not show to consumers.
    Lsn start_with_unseen_batch(unsigned events) {
        start_session();
        EXPECT_TRUE(run_until_confirmed(add_transaction(1)));
        kafka_.answer(MockKafka::fetch, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, 100000);
        Lsn end = add_transaction(events);
        EXPECT_TRUE(run_until([&] { return heard_[end] == events; }));
        return end;
    }

    Source source() const { return {"7300000000000000001", "app", "outbox", "", 1, {}, Lsn{0x100000}, confirmed_}; }
    void set_position(const Position &position) {
        kafka_.put("outbox.state", state_key(source()), format_state({position, position.end, 1, ""}));
    }
    std::optional<State> stored() {
        StateReader reader(target_, state_key(source()));
        for (auto until = Clock::now() + patience; !reader.advance();)
            if (Clock::now() > until)
                throw std::runtime_error("cannot read the state topic: " + reader.waiting_for());
        return reader.state();
    }
    Position position() { return stored().value_or(State{}).position; }

    // Starts a session: what was not confirmed comes again.
    void start_session() {
        sink_ = std::make_unique<ExactlyOnceSink>(target_, commit_interval_, budget_, *this);
        session_ = std::make_unique<Session>(++session_number_, budget_, [](const Rejected &) {});
        next_ = 0;
        while (next_ < copies_.size() && copies_[next_].end <= confirmed_)
            next_++;
        auto state = stored();
        covered_ = state ? state->position : Position{slot_start};
        sink_->start(source());
    }

    // As Relay::lose_sink.
    void lose_sink(const SinkFailure &failure) {
        failures_.push_back(failure.what());
        confirm();
        session_.reset();
        sink_.reset();
        EXPECT_EQ(budget_.used(), 0u) << "a sink that is gone holds on to memory";
        start_session();
    }

    void step() {
        wait();
        sink_->serve();
        pump();
        confirm();
    }

    // The sink has to ask for its next turn: a wait that only the server's next keepalive would end is too long.
    void wait() {
        constexpr auto too_long = std::chrono::seconds(5);
        bool has_more = !is_busy_ && (session_->is_offering() || may_read());
        auto until = std::min(sink_->serve_at(), is_busy_ ? sink_->retry_at() : Clock::time_point::max());
        until = std::min(until, stop_at_);
        auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(until - Clock::now(), too_long));
        pollfd wanted = sink_->wanted();
        int ready = poll(&wanted, 1, has_more ? 0 : static_cast<int>(std::max<int64_t>(0, left.count())));
        if (!has_more && ready == 0 && left == too_long && !sink_->empty())
            ADD_FAILURE() << "the sink has work and sleeps";
    }

    bool may_read() const { return !budget_.exhausted() && next_ < std::min(copies_.size(), read_up_to_); }

    void pump() {
        is_busy_ = false;
        while (session_->is_offering() || may_read()) {
            if (!session_->is_offering())
                take(copies_[next_++].text);
            is_busy_ = !session_->offer(*sink_);
            if (is_busy_)
                break;
        }
        if (is_quiet_)
            sink_->flush();
    }

    void take(const std::string &text) {
        Memory memory(strdup(text.c_str()));
        std::string_view lines(memory.get(), text.size());
        session_->take({std::move(memory), lines}, dialect_);
    }

    void delivered(const Chunk &chunk) override {
        heard_[chunk.commit()]++;
        session_->delivered(chunk); // throws where the sink reports more than it was offered
    }

    void confirm() {
        confirmed_ = std::max(confirmed_, sink_->confirmable(session_->confirmed()));
        for (Lsn end : ends_) {
            size_t there = 0; // at the start of the session
            while (there < events_[end] && covered_.covers(end, there + 1))
                there++;
            EXPECT_TRUE(end > confirmed_ || heard_[end] + there >= events_[end])
                << format_lsn(confirmed_) << " is confirmed, and of " << format_lsn(end) << " " << heard_[end] << " events are delivered";
        }
    }

    template <class Condition>
    bool run_until(Condition condition) {
        for (auto until = Clock::now() + patience; Clock::now() < until;) {
            if (condition())
                return true;
            try {
                step();
            } catch (const SinkFailure &failure) {
                lose_sink(failure);
            }
        }
        return false;
    }
    bool run_until_confirmed(Lsn end) {
        return run_until([=, this] { return confirmed_ >= end; });
    }
    void run_for(std::chrono::milliseconds time) {
        stop_at_ = Clock::now() + time;
        run_until([=, this] { return Clock::now() >= stop_at_; });
        stop_at_ = Clock::time_point::max();
    }

    void expect_each_delivered_once() {
        for (Lsn end : ends_)
            EXPECT_EQ(heard_[end], events_[end]) << "of the transaction at " << format_lsn(end);
        EXPECT_TRUE(sink_->empty());
        EXPECT_EQ(budget_.used(), 0u);
    }

    void SetUp() override { set_position({slot_start, 0, true}); }

    struct Copy {
        Lsn end; // the end of the chunk's transaction
        std::string text;
    };
    std::string committed_at_ = "2026-11-23T09:42:00.123456Z"; // every transaction; old events take a producer of their own
    std::vector<Copy> copies_;
    std::vector<Lsn> ends_;
    std::map<Lsn, size_t> events_, heard_;
    uint64_t ids_ = 0, session_number_ = 0;
    size_t next_ = 0, read_up_to_ = SIZE_MAX; // of copies_

    MockKafka kafka_{"orders", "payments", "outbox.state", "outbox.dead-letter"};
    KafkaTarget target_{.brokers = kafka_.brokers()};
    std::chrono::milliseconds commit_interval_{50};
    Budget budget_{1 << 20};
    Lsn confirmed_ = slot_start; // the slot
    Position covered_;           // what the state topic had when the session began
    bool is_quiet_ = true;       // no more lines come for the moment
    bool is_busy_ = false;
    Clock::time_point stop_at_ = Clock::time_point::max(); // the end of run_for
    std::vector<std::string> failures_;
    PluginDialect dialect_;
    std::unique_ptr<Session> session_;
    std::unique_ptr<ExactlyOnceSink> sink_;
};

} // namespace outbox
