// What the relay asks the server beside the stream, which takes no questions while it runs: each over a short connection of its own to the
// host of the stream. An inquiry is passive: it never waits, the caller polls its descriptor. Implemented by postgres/shutdown_probe.h and
// postgres/slot_watch.h.
#pragma once

#include "core/clock.h"

#include <poll.h>

namespace outbox {

class Inquiry {
public:
    virtual ~Inquiry() = default;

    virtual void cancel() = 0;
    virtual bool is_running() const = 0;
    virtual pollfd wanted() const = 0; // while it is running
};

// Is the server shutting down?
class ShutdownInquiry : public Inquiry {
public:
    enum class Answer { none, running, shutting_down };

    virtual void start() = 0;
    virtual Answer advance() = 0; // one step; `none`: not yet
};

// What does the slot hold? The answer goes to the status.
class SlotInquiry : public Inquiry {
public:
    // Begins to ask, where the last time is long enough ago.
    virtual void start_if_due(Clock::time_point now) = 0;
    virtual Clock::time_point due_at() const = 0;

    // One step, where there is one to make.
    virtual void advance(Clock::time_point now) = 0;
};

} // namespace outbox
