// Events that Kafka does not take, and what is produced for each of them instead. Events are known by their position in the stream, never
// by their id, which whoever writes the event chooses. Pure: no I/O, no clock, no library. Outlives the sinks.
// Tested by test/unit/quarantine_test.cpp, also against a naive model.
//
// An entry exists from the refusal of an event to the acknowledgement of what stands for the event, so there are at most as many entries
// as events that a sink has in memory (--max-in-flight-bytes; each event counts for 300 bytes or more there, an entry has about 100).
// What a sink loses with its session is refused again and finds its entry again.
#pragma once

#include "core/wire.h"

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace outbox {

// Commit LSNs are in order, and a transaction's events have the same ordinals whenever the transaction is decoded.
struct EventPosition {
    Lsn end{};            // of the transaction's commit record
    uint64_t ordinal = 0; // in the transaction, from 1
    friend auto operator<=>(const EventPosition &, const EventPosition &) = default;
};

// What is produced for an event. Where Kafka refuses one form, the next one is tried.
enum class Form : uint8_t {
    event,
    letter,                 // the dead letter
    letter_without_payload, // sizes and hashes stand for what is left out
    bare_letter,            // also without key and headers
    note,                   // an operator has skipped the event: a line in the state topic
};

class Quarantine {
public:
    struct Refusal {
        Form form = Form::event;
        int error = 0;        // Kafka's code for the event
        int letter_error = 0; // for the last form that was refused after the event itself; 0: none
        bool stops = false;   // no form is left: the relay ends in front of the event
    };

    // Whether refused events become dead letters, and the ids of the events that an operator skips. Of several events with one id the
    // first one that comes is skipped; the others are delivered. What stopped an earlier session is tried again.
    void follow(bool to_dead_letters, const std::set<std::string> &skipped_ids);

    // The events before it are confirmed and never come again.
    void forget_before(Lsn confirmed);

    // What is to be produced for the event at the position.
    Form form_of(EventPosition position, std::string_view id);
    bool stops_at(EventPosition position) const;

    // Kafka refuses the event in its present form, and nothing else is to blame. False where no form is left.
    bool refused(EventPosition position, int error);

    const Refusal *find(EventPosition position) const;

    // What stands for the event is safe.
    void settled(EventPosition position, Form form);

    // Where the slot has to be confirmed so that no skipped event comes again; nullopt: not all of them have been met.
    std::optional<Lsn> skips_end() const;

    size_t size() const { return refusals_.size(); }

private:
    struct Skip {
        std::optional<EventPosition> position;
        bool is_settled = false;
    };

    bool to_dead_letters_ = false;
    std::map<EventPosition, Refusal> refusals_;
    std::map<std::string, Skip, std::less<>> skips_; // by id
};

} // namespace outbox
