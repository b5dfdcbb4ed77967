// The sink that writes events to standard output, a line each: the envelope as it is, or a line for people. An event counts as delivered
// when write() has accepted its line. Tested by test/t/012_stdout.t.
#pragma once

#include "core/sink.h"

#include <deque>
#include <string>

namespace outbox {

enum class LineFormat { json, pretty };

class StdoutSink : public Sink {
public:
    StdoutSink(LineFormat format, DeliveryListener &listener);
    ~StdoutSink() override;

    Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) override;
    void flush() override;
    void serve() override;
    pollfd wanted() const override;
    Clock::time_point retry_at() const override { // at once, where serve() has written lines since the offer was refused
        return refused_ && gathered_.size() < gathered_max ? Clock::time_point::min() : Clock::time_point::max();
    }
    bool empty() const override { return waiting_.empty(); }

private:
    static constexpr size_t gathered_max = 256 * 1024; // bytes of lines not written yet, beyond which the sink is busy

    struct Waiting { // an event whose line ends at byte `end` of all lines ever gathered
        uint64_t end;
        Chunk::Pointer chunk;
    };

    void report_written();

    LineFormat format_;
    DeliveryListener &listener_;
    int fd_;
    bool closes_ = false;    // fd_ is a description of the sink's own
    size_t write_bytes_ = 0; // bytes a write, so that a write after poll() does not block
    std::string gathered_;   // lines from byte `written_` on
    bool refused_ = false;   // the last offer
    uint64_t written_ = 0;   // bytes since the sink was made
    std::deque<Waiting> waiting_;
    std::string scratch_;
};

} // namespace outbox
