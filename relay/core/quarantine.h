// Events that Kafka does not take, and the record that is produced for each of them instead. The quarantine knows an event by its position
// in the stream, never by its id, which the writer of the event chooses. Pure: no I/O, no clock, no library. Outlives the sinks. Tested by
// test/unit/quarantine_test.cpp, also against a naive model.
//
// An entry exists from the refusal of an event to the acknowledgement of the record that stands for the event. So there are at most as many
// entries as events that a sink has in memory (--max-in-flight-bytes; each event counts for 300 bytes or more there, an entry has about
// 100). An event that a sink loses with its session is refused again, and finds its entry again.
#pragma once

#include "core/wire.h"

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace outbox {

// An event's place in the stream. LSNs of commit records are in order, and a transaction's events have the same ordinals whenever the
// server decodes the transaction.
struct EventPosition {
    Lsn end{};            // of the transaction's commit record
    uint64_t ordinal = 0; // in the transaction, from 1
    friend auto operator<=>(const EventPosition &, const EventPosition &) = default;
};

// The forms in which an event can be produced. Where Kafka refuses one form, the next one is tried.
enum class Form : uint8_t {
    event,
    letter,                 // the dead letter
    letter_without_payload, // sizes and hashes stand for the payload
    bare_letter,            // also without key and headers
    note,                   // an operator has skipped the event: a line in the state topic
};

class Quarantine {
public:
    struct Refusal {
        Form form = Form::event;
        int error = 0;        // Kafka's code for the event
        int letter_error = 0; // Kafka's code for the last form refused after the event itself; 0: none
        bool stops = false;   // no form is left: the relay ends in front of the event
    };

    // Begins a session. `to_dead_letters`: refused events become dead letters. `skipped_ids`: the events that an operator skips; of several
    // events with one id the first one that comes is skipped, and the others are delivered. An event that stopped an earlier session is
    // tried again.
    void follow(bool to_dead_letters, const std::set<std::string> &skipped_ids);

    // Events before the confirmed LSN never come again: their entries go.
    void forget_before(Lsn confirmed);

    // The form in which the event at the position is to be produced.
    Form form_of(EventPosition position, std::string_view id);
    bool stops_at(EventPosition position) const;

    // Kafka refuses the event in its present form, and nothing but the event is to blame. False where no form is left.
    bool refused(EventPosition position, int error);

    const Refusal *find(EventPosition position) const;

    // Kafka has acknowledged the record that stands for the event.
    void settled(EventPosition position, Form form);

    // The LSN up to which the slot has to be confirmed so that no skipped event comes again; nullopt: some of them have not come yet.
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
