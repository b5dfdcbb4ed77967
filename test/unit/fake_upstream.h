// An upstream and inquiries that a test controls, without a server. The test queues what the stream brings, and reads what was confirmed.
#pragma once

#include "relay/core/inquiry.h"
#include "relay/core/plugin_dialect.h"
#include "relay/core/sink.h"
#include "relay/core/upstream.h"

#include <unistd.h>

#include <cstring>
#include <deque>
#include <vector>

namespace outbox {

class FakeUpstream : public Upstream {
public:
    FakeUpstream() {
        source_.slot = "outbox";
        if (pipe(pipe_) != 0)
            throw std::runtime_error("no pipe");
    }
    ~FakeUpstream() override {
        ::close(pipe_[0]);
        ::close(pipe_[1]);
    }

    void on_notice(NoticeListener listener) override { notice_ = std::move(listener); }
    void open() override {
        opened_++;
        is_open_ = true;
        has_ended_ = false;
    }
    void close() override { is_open_ = is_streaming_ = false; }
    bool is_open() const override { return is_open_; }
    bool is_streaming() const override { return is_streaming_; }
    pollfd wanted() const override { return {pipe_[0], POLLIN, 0}; }
    Clock::time_point deadline() const override { return is_streaming_ ? Clock::time_point::max() : Clock::time_point::min(); }
    void advance() override {
        if (refusals_ > 0) {
            refusals_--;
            throw StreamLost("refused", refusal_sqlstate_);
        }
        is_streaming_ = true;
    }
    Message receive() override {
        if (messages_.empty() && is_cut_)
            throw StreamLost("cut");
        if (messages_.empty() && says_goodbye_)
            has_ended_ = true;
        if (messages_.empty())
            return {};
        Message message = std::move(messages_.front());
        messages_.pop_front();
        return message;
    }
    Dialect &dialect() override { return dialect_; }
    bool take_heard() override { return hears_; }
    void confirm(Lsn confirmed, bool) override { confirmed_.push_back(confirmed); }
    void give_up() override { given_up_++; }
    void end() override { says_goodbye_ = true; }
    bool has_ended() const override { return has_ended_; }
    const Source &source() const override { return source_; }
    std::chrono::milliseconds sender_timeout() const override { return std::chrono::milliseconds(60000); }

    void bring(const std::string &lines) {
        Memory memory(strdup(lines.c_str()));
        std::string_view view(memory.get(), lines.size());
        messages_.emplace_back(CopyData{std::move(memory), view});
        wake();
    }
    void bring(Keepalive keepalive) {
        messages_.emplace_back(keepalive);
        wake();
    }
    void wake() {
        if (write(pipe_[1], "x", 1) != 1)
            throw std::runtime_error("the pipe is full");
    }

    PluginDialect dialect_;
    Source source_;
    std::deque<Message> messages_;
    std::vector<Lsn> confirmed_;
    NoticeListener notice_;
    std::string refusal_sqlstate_;
    int opened_ = 0, refusals_ = 0, given_up_ = 0;
    bool hears_ = true;
    bool is_open_ = false, is_streaming_ = false, has_ended_ = false, says_goodbye_ = false, is_cut_ = false;

private:
    int pipe_[2];
};

class FakeShutdownInquiry : public ShutdownInquiry {
public:
    void start() override {
        started_++;
        is_running_ = true;
    }
    Answer advance() override {
        is_running_ = answer_ == Answer::none;
        return answer_;
    }
    void cancel() override { is_running_ = false; }
    bool is_running() const override { return is_running_; }
    pollfd wanted() const override { return {-1, 0, 0}; }

    Answer answer_ = Answer::none;
    int started_ = 0;
    bool is_running_ = false;
};

class FakeSlotInquiry : public SlotInquiry {
public:
    void start_if_due(Clock::time_point) override { asked_++; }
    Clock::time_point due_at() const override { return Clock::time_point::max(); }
    void advance(Clock::time_point) override {}
    void cancel() override {}
    bool is_running() const override { return false; }
    pollfd wanted() const override { return {-1, 0, 0}; }

    int asked_ = 0;
};

// A sink that takes as many events as it has room for, and delivers them when the test lets it.
class FakeSink : public Sink {
public:
    explicit FakeSink(DeliveryListener *listener = nullptr) : listener_(listener) {}

    Offer offer(const Begin &, const Event &event, Chunk &chunk) override {
        if (event.topic == refused_topic_)
            throw PoisonedEvent("refused");
        if (in_flight_.size() >= room_)
            return Offer::busy;
        in_flight_.emplace_back(chunk.retain(10));
        return Offer::taken;
    }
    void flush() override { flushes_++; }
    void hurry() override { hurries_++; }
    void serve() override {
        if (fails_)
            throw SinkFailure("the sink fails", true);
        if (delivers_)
            deliver();
    }
    void deliver() {
        for (const Chunk::Pointer &chunk : in_flight_)
            listener_->delivered(*chunk);
        in_flight_.clear();
    }
    pollfd wanted() const override { return {-1, 0, 0}; }
    Clock::time_point serve_at() const override { return in_flight_.empty() ? Clock::time_point::max() : Clock::now(); }
    bool empty() const override { return in_flight_.empty(); }

    size_t room_ = 1000;
    bool delivers_ = true, fails_ = false;
    std::string refused_topic_ = "none";
    int flushes_ = 0, hurries_ = 0;
    std::vector<Chunk::Pointer> in_flight_;

private:
    DeliveryListener *listener_;
};

// The lines of a transaction, whose commit record ends at 0/`end`.
inline std::string transaction(const std::string &end, int events, const std::string &topic = "t") {
    std::string lines = R"({"begin":"0/)" + end + R"(","xid":7,"ts":"2026-11-23T09:42:00.123456Z"})";
    for (int i = 0; i < events; i++)
        lines += "\n{\"topic\":\"" + topic + R"(","id":"a","payload":1})";
    return lines + R"(
{"commit":"0/)" +
           end + R"(","events":)" + std::to_string(events) + "}";
}

} // namespace outbox
