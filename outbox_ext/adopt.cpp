// outbox.emit_adopted(), the trigger that outbox.adopt() creates: programs go on inserting into an outbox table of their own, and each
// row's event goes out. With AFTER INSERT the row stays in its table; with INSTEAD OF INSERT on a view no row stays. The trigger's
// arguments are names of columns; an empty one stands for a column that the table does not have. Tested by sql/adopt.sql.
#include "event.h"
#include "json.h"
#include "pg.h"
#include "trigger_row.h"
#include "utf8.h"

#include <cstring>

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit_adopted);
}

namespace {

enum TriggerArgument { COLUMN_ID, COLUMN_TOPIC, COLUMN_KEY, COLUMN_PAYLOAD, COLUMN_TYPE, HEADERS, EXPAND_JSON, TRIGGER_ARGUMENTS };

const TriggerData *require_trigger(FunctionCallInfo fcinfo) {
    const TriggerData *trigger = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    if (trigger == nullptr || !(TRIGGER_FIRED_AFTER(trigger->tg_event) || TRIGGER_FIRED_INSTEAD(trigger->tg_event)) ||
        !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ||
        trigger->tg_trigger->tgnargs != TRIGGER_ARGUMENTS)
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("outbox.emit_adopted() must be a trigger that outbox.adopt() has made"),
                        errhint("Create the trigger with SELECT outbox.adopt('table').")));
    return trigger;
}

Argument column(const TriggerRow &row, const char *name) {
    if (*name == '\0')
        return {0, TEXTOID, true};
    if (!row.has(name))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of an adopted table does not exist", name),
                        errhint("The table has changed since outbox.adopt(): drop its trigger, and adopt it again.")));
    return row.column(name);
}

// The event's id. Only a column of type uuid can hold one.
Argument id_of(const TriggerRow &row, const char *name) {
    Argument id = column(row, name);
    if (*name != '\0' && id.type != UUIDOID)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("column \"%s\" is not of type uuid", name),
                        errhint("The table has changed since outbox.adopt(): drop its trigger, and adopt it again; with id => NULL each "
                                "event gets an id of its own.")));
    return id;
}

// The value of any type as text.
Argument as_text(const Argument &argument) {
    if (argument.is_null || IsBinaryCoercible(argument.type, TEXTOID))
        return argument;
    Oid output;
    bool is_varlena;
    getTypeOutputInfo(argument.type, &output, &is_varlena);
    return {PointerGetDatum(cstring_to_text(OidOutputFunctionCall(output, argument.value))), TEXTOID, false};
}

// The payload. Its text goes out byte for byte, white space of JSON included, as programs that read the table from the WAL send it. With
// `expand_json` it is JSON as emit writes it.
Argument payload_of(const TriggerRow &row, const char *name, bool expand_json) {
    Argument payload = column(row, name);
    Oid type = getBaseType(payload.type);
    if (payload.is_null || type == BYTEAOID || expand_json)
        return payload;
    text *content = DatumGetTextPP(as_text(payload).value);
    Text utf8 = utf8_from_server(Text{VARDATA_ANY(content), static_cast<size_t>(VARSIZE_ANY_EXHDR(content))}, "payload");
    return {PointerGetDatum(cstring_to_text_with_len(utf8.data, static_cast<int>(utf8.size))), BYTEAOID, false};
}

// The headers of the columns in a list "column[:header],…". A header whose column is null is left out.
Argument headers_of(const TriggerRow &row, const char *list) {
    if (*list == '\0')
        return {0, TEXTOID, true};
    StringInfoData object;
    initStringInfo(&object);
    char *rest = pstrdup(list);
    while (char *name = strsep(&rest, ",")) {
        char *header = name;
        char *source = strsep(&header, ":");
        Argument value = as_text(column(row, source));
        if (value.is_null)
            continue;
        if (header == nullptr)
            header = source;
        appendStringInfoChar(&object, object.len == 0 ? '{' : ',');
        json_append_string(&object, header, strlen(header));
        appendStringInfoChar(&object, ':');
        text *content = DatumGetTextPP(value.value);
        json_append_string(&object, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
    }
    if (object.len == 0)
        return {0, TEXTOID, true};
    appendStringInfoChar(&object, '}');
    return {PointerGetDatum(cstring_to_text_with_len(object.data, object.len)), TEXTOID, false};
}

} // namespace

Datum outbox_emit_adopted(PG_FUNCTION_ARGS) {
    const TriggerData *trigger = require_trigger(fcinfo);
    char **names = trigger->tg_trigger->tgargs;
    TriggerRow row(trigger);
    Argument id = id_of(row, names[COLUMN_ID]);
    Event event = {as_text(column(row, names[COLUMN_TOPIC])),
                   column(row, names[COLUMN_KEY]),
                   payload_of(row, names[COLUMN_PAYLOAD], strcmp(names[EXPAND_JSON], "true") == 0),
                   as_text(column(row, names[COLUMN_TYPE])),
                   headers_of(row, names[HEADERS]),
                   id.is_null ? nullptr : DatumGetUUIDP(id.value),
                   DOOR_OF_TABLE,
                   trigger->tg_relation->rd_rel->relowner};
    pg_uuid_t emitted;
    trigger_emit(trigger, names[COLUMN_KEY], event, &emitted);
    if (!TRIGGER_FIRED_INSTEAD(trigger->tg_event))
        return Datum{0};
    if (id.is_null)
        row.set(names[COLUMN_ID], UUIDPGetDatum(&emitted));
    return row.result();
}
