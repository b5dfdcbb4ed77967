// Where events go. A sink is passive: it takes what it is offered, says when it is full, and reports what is safe. It never waits.
#pragma once

#include "chunk.h"
#include "envelope.h"

#include <poll.h>

#include <chrono>
#include <stdexcept>

namespace outbox {

using Clock = std::chrono::steady_clock;

// Hears of each record that is safe, in no particular order; the chunk lives until the call returns.
class DeliveryListener {
public:
    virtual void delivered(const Chunk &chunk) = 0;

protected:
    ~DeliveryListener() = default;
};

// Something that was accepted will not be delivered: only a new sink and a new start from the slot can go on without a hole.
class SinkFailure : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// An event whose content Kafka refuses, now and with every attempt.
class PoisonedEvent : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Whoever read the events has gone; there is nobody to write for.
class SinkClosed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Sink {
public:
    virtual ~Sink() = default;

    // Takes the event, which lies in the chunk, or says no because it is full or must wait for something outside; then nothing has
    // happened, and the same event is offered again when what wanted() names is ready, or at retry_at(). Throws PoisonedEvent, SinkFailure.
    virtual bool offer(const Begin &transaction, const Event &event, Chunk &chunk) = 0;

    // Nothing more is offered for the moment: whoever waits for company need not.
    virtual void flush() = 0;

    // Tells the listener what became safe. Throws SinkFailure, PoisonedEvent, SinkClosed.
    virtual void serve() = 0;

    // What to wait for, and until when at most even if nothing happens there.
    virtual pollfd wanted() const = 0;
    virtual Clock::time_point retry_at() const { return Clock::time_point::max(); }

    virtual bool empty() const = 0; // everything taken is delivered, or will not be
};

} // namespace outbox
