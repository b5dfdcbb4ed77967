// outbox.emit_event(), the INSTEAD OF INSERT trigger of outbox.events and of views of one topic: each inserted row becomes an event, and
// RETURNING gives the event's id. A view may have any of the columns id, topic, key, payload, payload_bytes, type and headers; without a
// column topic the trigger's argument is the topic. Tested by sql/events_view.sql.
#include "event.h"
#include "pg.h"
#include "trigger_row.h"

#include <cstring>

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit_event);
}

namespace {

const TriggerData *require_trigger(FunctionCallInfo fcinfo) {
    const TriggerData *trigger = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    if (trigger == nullptr || !TRIGGER_FIRED_INSTEAD(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("outbox.emit_event() must be the trigger of a view, INSTEAD OF INSERT, FOR EACH ROW"),
                        errhint("outbox.create_topic_view() makes such a view.")));
    return trigger;
}

void require_column_type(const char *name, Oid type, bool fits) {
    if (!fits)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("column \"%s\" must not be of type %s", name, format_type_be(type)),
                 errhint("Columns topic, type and headers are text (headers also json or jsonb), id is uuid, payload_bytes is bytea.")));
}

Argument text_column(const TriggerRow &row, const char *name) {
    Argument column = row.column(name);
    require_column_type(name, column.type, column.type == TEXTOID || IsBinaryCoercible(getBaseType(column.type), TEXTOID));
    return column;
}

Argument headers_column(const TriggerRow &row) {
    Argument column = row.column("headers");
    Oid type = getBaseType(column.type);
    require_column_type("headers", column.type, type == JSONBOID || type == JSONOID || IsBinaryCoercible(type, TEXTOID));
    column.type = type;
    return column;
}

Argument payload_column(const TriggerRow &row) {
    Argument payload = row.column("payload"), bytes = row.column("payload_bytes");
    if (bytes.is_null)
        return payload;
    require_column_type("payload_bytes", bytes.type, getBaseType(bytes.type) == BYTEAOID);
    if (!payload.is_null)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("payload and payload_bytes must not both be given"),
                        errhint("An event has one payload: JSON in payload, anything else in payload_bytes.")));
    return bytes;
}

} // namespace

Datum outbox_emit_event(PG_FUNCTION_ARGS) {
    const TriggerData *trigger = require_trigger(fcinfo);
    TriggerRow row(trigger);
    Argument id = row.column("id"), topic = text_column(row, "topic");
    bool has_topic = trigger->tg_trigger->tgnargs > 0;
    if (has_topic)
        topic = {CStringGetTextDatum(trigger->tg_trigger->tgargs[0]), TEXTOID, false};
    require_column_type("id", id.type, !row.has("id") || id.type == UUIDOID); // also a null, in whose place the event's id goes

    pg_uuid_t emitted;
    Event event = {topic,
                   row.column("key"),
                   payload_column(row),
                   text_column(row, "type"),
                   headers_column(row),
                   id.is_null ? nullptr : DatumGetUUIDP(id.value),
                   has_topic ? DOOR_OF_TOPIC : DOOR_OF_ALL_TOPICS,
                   trigger->tg_relation->rd_rel->relowner};
    event_emit(event, &emitted);
    row.set("id", UUIDPGetDatum(&emitted));
    return row.result();
}
