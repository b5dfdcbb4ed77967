// Writes events to standard output, a line each: as they stand in the stream, or for people. Delivered means written.
// Tested by test/t/.
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
    Clock::time_point retry_at() const override { // at once, if what stood in the way was written in the meantime
        return refused_ && gathered_.size() < gathered_max ? Clock::time_point::min() : Clock::time_point::max();
    }
    bool empty() const override { return waiting_.empty(); }

private:
    static constexpr size_t gathered_max = 256 * 1024; // more than this waits in the stream

    struct Waiting { // an event whose line ends at `end` of all that was ever gathered
        uint64_t end;
        Chunk::Pointer chunk;
    };

    void report_written();

    LineFormat format_;
    DeliveryListener &listener_;
    int fd_;
    bool closes_ = false;    // fd_ is a description of our own
    size_t write_bytes_ = 0; // at a time, so that a write after a poll does not block
    std::string gathered_;   // from `written_` on
    bool refused_ = false;   // the last offer
    uint64_t written_ = 0;   // bytes since the start
    std::deque<Waiting> waiting_;
    std::string scratch_;
};

} // namespace outbox
