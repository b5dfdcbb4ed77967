// A place that events go to. A sink is passive: a sink takes the events that it is offered, says when it is full, and reports each event
// that is safe. No call waits.
#pragma once

#include "core/chunk.h"
#include "core/clock.h"
#include "core/item.h"
#include "core/source.h"

#include <poll.h>

#include <stdexcept>
#include <string>

namespace outbox {

// Hears of each record that is safe, in no particular order. The chunk lives until the call returns.
class DeliveryListener {
public:
    virtual void delivered(const Chunk &chunk) = 0;

protected:
    ~DeliveryListener() = default;
};

// The sink will not deliver an event that it has taken: only a new sink and a new start from the slot can go on without a hole.
class SinkFailure : public std::runtime_error {
public:
    explicit SinkFailure(const std::string &what, bool at_once = false) : std::runtime_error(what), at_once_(at_once) {}
    bool at_once() const { return at_once_; } // the next attempt is known to be different, so the relay does not pause before it

private:
    bool at_once_;
};

// Kafka refuses the event's content with every attempt, and in every form that the options allow. The text says what helps.
class PoisonedEvent : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The reader of the events has gone, so the relay has nobody to write for.
class SinkClosed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Offer {
    taken, // the listener will hear of the event
    busy, // the sink is full or waits; nothing has happened. The relay offers the same event again when wanted() is ready, or at retry_at()
    passed,   // the event was delivered before, and the listener hears nothing
    rejected, // the topic is not for events, and the event is never delivered
};

class Sink {
public:
    virtual ~Sink() = default;

    // A session begins, and the slot is this relay's. Throws SinkFailure, and Failure where an operator has to decide.
    virtual void start(const Source &) {}
    // The session has ended. The listener may still hear of its events.
    virtual void stop() {}

    // Offers an event that lies in the chunk. Throws PoisonedEvent, SinkFailure.
    virtual Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) = 0;

    // The stream ends the transaction whose events were offered last.
    virtual void commit(const Commit &) {}

    // The relay offers no more events for the moment, so the sink sends what still waits for more.
    virtual void flush() = 0;

    // The relay or the server is stopping: events that were taken wait for Kafka's answers only.
    virtual void hurry() { flush(); }

    // An operator says that passwords or certificates have changed.
    virtual void reload() {}

    // The LSN up to which the slot may be confirmed, where everything up to `delivered` has been delivered.
    virtual Lsn confirmable(Lsn delivered) { return delivered; }

    // Does what is due, and tells the listener of each event that is safe. Throws SinkFailure, PoisonedEvent, SinkClosed.
    virtual void serve() = 0;

    // The descriptor to wait for, and the time at which the relay calls again though the descriptor is not ready.
    virtual pollfd wanted() const = 0;
    virtual Clock::time_point retry_at() const { return Clock::time_point::max(); } // of an offer
    virtual Clock::time_point serve_at() const { return Clock::time_point::max(); }

    // For people: the event that keeps the stream waiting, and the reason; empty: none that is known.
    virtual std::string waiting_for() const { return {}; }

    virtual uint64_t events_set_aside() const { return 0; } // since the process began
    virtual uint64_t window_events() const { return 0; }    // up to 1.5 kB each, in flight at most; 0: the sink has no such bound
    virtual bool empty() const = 0;                         // every event that was taken is delivered, or never will be
};

} // namespace outbox
