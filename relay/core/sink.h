// Where events go. A sink is passive: it takes what it is offered, says when it is full, and reports what is safe. It never waits.
#pragma once

#include "core/chunk.h"
#include "core/clock.h"
#include "core/item.h"
#include "core/source.h"

#include <poll.h>

#include <stdexcept>
#include <string>

namespace outbox {

// Hears of each record that is safe, in no particular order; the chunk lives until the call returns.
class DeliveryListener {
public:
    virtual void delivered(const Chunk &chunk) = 0;

protected:
    ~DeliveryListener() = default;
};

// Something that was accepted will not be delivered: only a new sink and a new start from the slot can go on without a hole.
class SinkFailure : public std::runtime_error {
public:
    explicit SinkFailure(const std::string &what, bool at_once = false) : std::runtime_error(what), at_once_(at_once) {}
    bool at_once() const { return at_once_; } // it was learned what to do better: no pause is needed

private:
    bool at_once_;
};

// An event whose content Kafka refuses, now and with every attempt, in every form that the options allow. Says what helps.
class PoisonedEvent : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Whoever read the events has gone; there is nobody to write for.
class SinkClosed : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Offer {
    taken,    // the listener will hear of it
    busy,     // full, or waiting for something outside: nothing has happened, and the same event is to be offered again when what wanted()
              // names is ready, or at retry_at()
    passed,   // was delivered before: nothing to wait for
    rejected, // of a topic that is none for events, and never delivered
};

class Sink {
public:
    virtual ~Sink() = default;

    // A session begins: the slot is ours. Throws SinkFailure, and Failure where an operator has to decide.
    virtual void start(const Source &) {}
    // It has ended. The listener may still hear of its events.
    virtual void stop() {}

    // The event lies in the chunk. Throws PoisonedEvent, SinkFailure.
    virtual Offer offer(const Begin &transaction, const Event &event, Chunk &chunk) = 0;

    // The last transaction of which events were offered is complete.
    virtual void commit(const Commit &) {}

    // Nothing more is offered for the moment: whoever waits for company need not.
    virtual void flush() = 0;

    // The relay or the server is stopping: what was taken need not wait for anything but Kafka.
    virtual void hurry() { flush(); }

    // An operator has changed passwords or certificates.
    virtual void reload() {}

    // How far the slot may be confirmed, where everything up to `delivered` has been delivered.
    virtual Lsn confirmable(Lsn delivered) { return delivered; }

    // Tells the listener what became safe. Throws SinkFailure, PoisonedEvent, SinkClosed.
    virtual void serve() = 0;

    // What to wait for, and until when at most even if nothing happens there.
    virtual pollfd wanted() const = 0;
    virtual Clock::time_point retry_at() const { return Clock::time_point::max(); } // of an offer
    virtual Clock::time_point serve_at() const { return Clock::time_point::max(); }

    // Which event keeps the stream waiting, and for what; empty: none that is known.
    virtual std::string waiting_for() const { return {}; }

    virtual uint64_t events_set_aside() const { return 0; } // events that it went on without, since the start of the process
    virtual bool empty() const = 0;                         // everything taken is delivered, or will not be
};

} // namespace outbox
