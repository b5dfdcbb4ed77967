// Reads the stream into the session and offers each event to the sink, until the socket is empty, the session is full or the sink is busy.
// The clock is the caller's. Tested by test/unit/reader_test.cpp.
#pragma once

#include "core/rhythm.h"
#include "core/session.h"
#include "core/upstream.h"
#include "loop/confirmer.h"
#include "loop/ending.h"

#include <utility>

namespace outbox {

class Reader {
public:
    // The budget outlives the reader.
    explicit Reader(const Budget &budget) : budget_(&budget) {}

    // Another session begins.
    void begin() { *this = Reader(*budget_); }

    // True where the relay may read a message: no event of the last message waits for the sink, and what is in flight is within the bounds.
    bool may_read(const Session &session, Reads reads) const {
        bool is_to_be_read = reads == Reads::all || (reads == Reads::rest_of_transaction && session.in_transaction());
        return is_to_be_read && !session.is_offering() && !budget_->exhausted() && session.transactions_in_flight() < transactions_max;
    }

    // One look at the stream. Throws what the upstream, the session and the sink throw.
    void read(Upstream &upstream, Session &session, Sink &sink, Confirmer &confirmer, Reads reads) {
        if (reads == Reads::nothing || (reads == Reads::rest_of_transaction && !session.in_transaction()))
            give_up_offering(session);
        uint64_t begun = session.transactions();
        has_read_all_ = false;
        for (size_t n = 0; n < messages_max && (session.is_offering() || may_read(session, reads)); n++) {
            has_read_all_ = !session.is_offering() && !take_next(upstream, session, confirmer);
            if (has_read_all_)
                break;
            sink_is_busy_ = session.is_offering() && !session.offer(sink);
            if (sink_is_busy_)
                break;
        }
        transactions_ += session.transactions() - begun;
    }

    // The sink is not offered again the events that it has not taken.
    void give_up_offering(Session &session) {
        session.give_up_offering();
        sink_is_busy_ = false;
    }

    // Ends a look at the stream. A sink sends its events at once where the stream is quiet, and where the relay or the server is about to
    // end.
    void pause(Sink &sink, bool hurries, Clock::time_point now) {
        rhythm_.note(std::exchange(transactions_, 0), std::exchange(bytes_, 0), now);
        if (hurries)
            sink.hurry();
        else if (!rhythm_.is_busy())
            sink.flush();
    }

    bool sink_is_busy() const { return sink_is_busy_; }
    bool takes_breath() const { return rhythm_.is_busy() && !sink_is_busy_; } // see rhythm.h
    bool has_read_all() const { return has_read_all_; }                       // the last look left nothing in libpq
    Lsn wal_end() const { return wal_end_; }                                  // of the server, by its last keepalive; 0: none has come

private:
    static constexpr size_t messages_max = 4096;       // a look: then deliveries and signals have their turn
    static constexpr size_t transactions_max = 262144; // in flight, even where they have no events: 16 bytes each

    // Reads one message. False: none has arrived. A keepalive counts at once, a CopyData goes to the session.
    bool take_next(Upstream &upstream, Session &session, Confirmer &confirmer) {
        Upstream::Message message = upstream.receive();
        if (auto *keepalive = std::get_if<Keepalive>(&message)) {
            wal_end_ = keepalive->wal_end;
            session.keepalive(keepalive->wal_end);
            if (keepalive->reply_requested)
                confirmer.reply_requested();
            return true;
        }
        auto *data = std::get_if<CopyData>(&message);
        if (data == nullptr) {
            if (upstream.has_ended())
                throw StreamLost("PostgreSQL ended the stream");
            return false;
        }
        bytes_ += data->bytes.size();
        session.take(std::move(*data), upstream.dialect());
        return true;
    }

    const Budget *budget_;
    Rhythm rhythm_;
    size_t transactions_ = 0, bytes_ = 0; // since the last pause
    bool sink_is_busy_ = false;
    bool has_read_all_ = true;
    Lsn wal_end_{};
};

} // namespace outbox
