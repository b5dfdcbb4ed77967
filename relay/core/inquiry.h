// Questions that the relay asks the server beside the stream, which takes no queries while it runs. Each inquiry has a short connection of
// its own to the stream's host. An inquiry is passive: no call waits, and the caller polls wanted(). Implemented by
// postgres/shutdown_probe.h and postgres/slot_watch.h.
#pragma once

#include "core/clock.h"

#include <poll.h>

namespace outbox {

class Inquiry {
public:
    virtual ~Inquiry() = default;

    virtual void cancel() = 0;
    virtual bool is_running() const = 0;
    virtual pollfd wanted() const = 0; // while is_running()
};

// Asks whether the server is shutting down.
class ShutdownInquiry : public Inquiry {
public:
    enum class Answer { none, running, shutting_down };

    virtual void start() = 0;
    virtual Answer advance() = 0; // one step; `none`: there is no answer yet
};

// Asks for the slot's figures. The answer goes to the status.
class SlotInquiry : public Inquiry {
public:
    // Begins to ask, where due_at() is over.
    virtual void start_if_due(Clock::time_point now) = 0;
    virtual Clock::time_point due_at() const = 0;

    // One step; does nothing where no inquiry is running.
    virtual void advance(Clock::time_point now) = 0;
};

} // namespace outbox
