// One event: its checks, its envelope and its logical message, for every door of the extension (emit, views, triggers). The message is
// transactional, so it belongs to the (sub)transaction: a rollback drops the message, COMMIT PREPARED publishes it. Nothing else is
// written. An error says which argument is wrong and why, and repeats no word of the arguments. Tested by sql/limits.sql, sql/errors.sql,
// sql/stream.sql.
#pragma once

#include "pg.h"
#include "refusal.h"

struct Argument {
    Datum value;
    Oid type;
    bool is_null;
};

// The privileges that a door needs: emit's; those of a view or trigger that leads to one topic; those of a table, whose writer need not
// know that the rows are published.
enum Door { DOOR_OF_ALL_TOPICS, DOOR_OF_TOPIC, DOOR_OF_TABLE };

// The event as a door hands it over. Topic, type and headers are varlena values of text, or of a type with the representation of text;
// headers may be jsonb, too. Key and payload may be of any type: event_emit() refuses the types that are of no use.
struct Event {
    Argument topic, key, payload, type, headers;
    const pg_uuid_t *id; // null: the event gets a new id
    Door door = DOOR_OF_ALL_TOPICS;
    Oid owner = InvalidOid; // of the view or table, where the door is one
};

// Emits the event in the current (sub)transaction, and writes the event's id to `*id`.
void event_emit(const Event &event, pg_uuid_t *id);

// The type of key, among the three of emit's functions, as which a key of the type `given` is read. A key that fits none is an error.
Oid event_key_type(Oid given, const char *hint = "Cast the key to text, bigint or uuid, for example: CAST(key AS text).");

// Raises emit's error where the value is no topic for an event: no name, or none of outbox.topics.
void event_require_topic(const Argument &topic);

// emit's refusal on a standby.
Refusal event_recovery_refusal();
