#include "event.h"

#include "context_headers.h"
#include "envelope.h"
#include "event_id.h"
#include "headers.h"
#include "json.h"
#include "pg.h"
#include "row.h"
#include "settings.h"
#include "slot.h"
#include "topics.h"
#include "utf8.h"

namespace {

// ---- checks ---------------------------------------------------------------------------------------------------------

void require_writable_transaction() {
    if (RecoveryInProgress())
        refusal_raise(ERROR, event_recovery_refusal());
    if (XactReadOnly)
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("cannot execute outbox.emit() in a read-only transaction"),
                        errhint("Begin the transaction with READ WRITE.")));
    PreventCommandIfParallelMode("outbox.emit()"); // emit may run in a worker if its caller is wrongly marked PARALLEL SAFE
}

// Outside of a transaction block the event commits with its own statement alone, and the rows that it tells of may commit or not.
void require_transaction_block(Door door) {
    if (outbox_require_transaction == REQUIRE_NOTHING || door == DOOR_OF_TABLE || IsTransactionBlock())
        return;
    ereport(
        outbox_require_transaction == REQUIRE_BY_ERROR ? ERROR : WARNING,
        (errcode(ERRCODE_NO_ACTIVE_SQL_TRANSACTION), errmsg("an event must be emitted in a transaction block"),
         errhint(
             "BEGIN, write the rows that the event tells of, emit, COMMIT. \"outbox.require_transaction\" demands a transaction block.")));
}

[[noreturn]] void refuse_size(size_t size) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("event is larger than \"outbox.max_event_bytes\""),
                    errdetail("The event has %zu bytes or more; the limit is %d.", size, outbox_max_event_bytes),
                    errhint("Publish a reference to the data, or raise \"outbox.max_event_bytes\", the Kafka topic's "
                            "\"max.message.bytes\" and the relay's \"message.max.bytes\".")));
    pg_unreachable();
}

// Checks an argument's size before emit copies, decompresses or reads it. The limit is that of the event for an argument that can only grow
// on its way into the envelope, and the ceiling of all events for one that may shrink, as JSON text does when it loses its white space.
void require_size(Datum value, size_t limit) {
    size_t size = toast_raw_datum_size(value) - VARHDRSZ;
    if (size > limit)
        refuse_size(size);
}

size_t event_limit() { return static_cast<size_t>(outbox_max_event_bytes); }

// ---- text -----------------------------------------------------------------------------------------------------------

Text text_of(Datum value) {
    text *packed = DatumGetTextPP(value);
    return Text{VARDATA_ANY(packed), static_cast<size_t>(VARSIZE_ANY_EXHDR(packed))};
}

Text utf8_of(Datum value, size_t limit, const char *what) {
    require_size(value, limit);
    CHECK_FOR_INTERRUPTS();
    return utf8_from_server(text_of(value), what);
}

// ---- the members of the envelope, in its order ----------------------------------------------------------------------

const char *what_is_wrong(Text topic) {
    for (size_t i = 0; i < topic.size; i++)
        if (!envelope_topic_allows(topic.data[i]))
            return psprintf("Byte %zu of %zu is not an allowed character.", i + 1, topic.size);
    if (topic.size == 0 || topic.size > envelope_topic_max)
        return psprintf("The name has %zu bytes.", topic.size);
    return "The name is \".\" or \"..\".";
}

[[noreturn]] void refuse_topic(Text topic) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid topic name"), errdetail_internal("%s", what_is_wrong(topic)),
                    errhint("Kafka allows 1 to %d letters, digits, \".\", \"_\" and \"-\", but not \".\" or \"..\".", envelope_topic_max)));
    pg_unreachable();
}

Text topic_of(const Argument &argument) {
    if (argument.is_null)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("topic must not be null"), errhint("Give the name of a Kafka topic.")));
    require_size(argument.value, event_limit());
    Text topic = text_of(argument.value);
    if (!envelope_topic_is_valid(topic))
        refuse_topic(topic);
    if (topic.size >= 2 && memcmp(topic.data, "__", 2) == 0)
        ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("topics must not begin with \"__\""),
                        errhint("Kafka keeps its own records in such topics. Choose another name.")));
    return topic;
}

int64 integer_of(const Argument &key) {
    switch (key.type == INT8OID ? key.type : getBaseType(key.type)) {
    case INT2OID: return DatumGetInt16(key.value);
    case INT4OID: return DatumGetInt32(key.value);
    default: return DatumGetInt64(key.value);
    }
}

void add_key(StringInfo envelope, const Event &event, Oid type) {
    if (event.key.is_null) {
        if (event.payload.is_null)
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("key and payload must not both be null"),
                            event.door == DOOR_OF_TABLE
                                ? errhint("A row without a payload is a tombstone, which needs a key: give the row a key first.")
                                : errhint("A null payload is a tombstone: it deletes what the topic holds for its key.")));
        return;
    }
    if (type == UUIDOID)
        return envelope_add_uuid(envelope, "key", DatumGetUUIDP(event.key.value)->data);
    if (type == TEXTOID)
        return envelope_add_string(envelope, "key", utf8_of(event.key.value, event_limit(), "key"));
    char written[32];
    int size = pg_lltoa(integer_of(event.key), written);
    envelope_add_string(envelope, "key", Text{written, static_cast<size_t>(size)});
}

bool is_json_object(Text text) {
    size_t start = 0;
    while (start < text.size && strchr(" \t\r\n", text.data[start]) != nullptr)
        start++;
    return start < text.size && text.data[start] == '{' && json_scan(text.data, text.size);
}

void add_type(StringInfo envelope, const Argument &argument) {
    if (argument.is_null)
        return;
    Text type = utf8_of(argument.value, event_limit(), "type");
    if (is_json_object(type))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("type must not be a JSON object"),
                        errhint("Headers are the argument after the type: outbox.emit(topic, key, payload, headers => ...).")));
    if (type.size > 0)
        envelope_add_string(envelope, "type", type);
}

void add_headers(StringInfo envelope, const Argument &headers) {
    if (headers.is_null)
        return;
    if (headers.type != JSONBOID)
        return headers_add_text(envelope, utf8_of(headers.value, envelope_size_max, "header"));
    require_size(headers.value, 2 * event_limit()); // beside a header's text jsonb has 8 bytes, the envelope at least 6
    headers_add_jsonb(envelope, DatumGetJsonbP(headers.value));
}

void add_json(StringInfo envelope, Text json) {
    JsonError error;

    if (json.size > envelope_size_max)
        refuse_size(json.size);
    CHECK_FOR_INTERRUPTS();
    json = utf8_from_server(json, "payload");
    envelope_add_raw(envelope, "payload");
    if (json_minify(json.data, json.size, envelope, &error))
        return;
    if (error.too_deep)
        ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX), errmsg("payload is nested more than %d levels deep", json_max_depth),
                        errhint("Flatten the payload, or pass it as bytea.")));
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("payload is not valid JSON at byte offset %zu", error.offset),
                    errdetail_internal("%s", error.reason),
                    json.size > 0 && json.data[0] == '{' && json.data[json.size - 1] == '}' // an array literal is how drivers write a list
                        ? errhint("Pass JSON as text, json or jsonb, and anything else as bytea, which views take as payload_bytes; a list "
                                  "as \"[...]\", not as an array literal.")
                        : errhint("Pass JSON as text, json or jsonb, and anything else as bytea, which views take as payload_bytes.")));
}

Text jsonb_text(Datum payload) {
    Jsonb *jsonb = DatumGetJsonbP(payload);
    StringInfoData text;
    initStringInfo(&text);
    JsonbToCString(&text, &jsonb->root, VARSIZE(jsonb));
    return Text{text.data, static_cast<size_t>(text.len)};
}

void add_bytes(StringInfo envelope, Datum payload) {
    bytea *bytes = DatumGetByteaPP(payload);
    envelope_add_base64(envelope, "payload_base64", reinterpret_cast<unsigned char *>(VARDATA_ANY(bytes)), VARSIZE_ANY_EXHDR(bytes));
}

// Values of text, json, jsonb and bytea have a variable length, and the types are no domains: emit need not look the types up in the
// catalog.
bool is_usual(Oid type) { return type == TEXTOID || type == JSONBOID || type == JSONOID || type == BYTEAOID; }

void add_payload(StringInfo envelope, const Argument &argument) {
    if (argument.is_null)
        return;
    Datum payload = argument.value;
    Oid type = argument.type;
    if (!is_usual(type))
        type = getBaseType(type);
    if (is_usual(type) || get_typlen(type) == -1)
        require_size(payload, type == BYTEAOID ? event_limit() : envelope_size_max);

    if (type == JSONBOID)
        add_json(envelope, jsonb_text(payload));
    else if (type == BYTEAOID)
        add_bytes(envelope, payload);
    else if (type == JSONOID || type == BPCHAROID || IsBinaryCoercible(type, TEXTOID))
        add_json(envelope, text_of(payload));
    else if (type_is_rowtype(type))
        add_json(envelope, row_json(payload));
    else
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("payload must not be of type %s", format_type_be(type)),
                        errhint("Pass JSON as text, json or jsonb, bytes as bytea, or a row; to_jsonb() makes JSON of any value.")));
}

// The plugin's guard rejects a message with a larger head, whatever this session's outbox.max_event_bytes is.
void require_head_size(size_t size) {
    if (size > envelope_head_max)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("key, type and headers are larger than 900 kB"),
                        errdetail("Key, type and headers have %zu bytes together.", size), errhint("Large data belongs in the payload.")));
}

} // namespace

Refusal event_recovery_refusal() {
    return {ERRCODE_READ_ONLY_SQL_TRANSACTION, "cannot execute outbox.emit() during recovery", nullptr, "Connect to the primary server."};
}

void event_require_topic(const Argument &topic) { topic_require_known(topic_of(topic)); }

Oid event_key_type(Oid given, const char *hint) {
    Oid type = given == TEXTOID || given == INT8OID || given == UUIDOID ? given : getBaseType(given);
    switch (type) {
    case UUIDOID: return UUIDOID;
    case INT2OID:
    case INT4OID:
    case INT8OID: return INT8OID;
    default: break;
    }
    if (!IsBinaryCoercible(type, TEXTOID))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("key must not be of type %s", format_type_be(given)), errhint("%s", hint)));
    return TEXTOID;
}

void event_emit(const Event &event, pg_uuid_t *id) {
    require_writable_transaction();
    Oid key_type = event_key_type(event.key.type);
    Text topic = topic_of(event.topic);
    require_transaction_block(event.door);
    TopicRules rules = topic_require(topic, event.door == DOOR_OF_ALL_TOPICS ? GetUserId() : event.owner);
    bool is_captured = outbox_capture != CAPTURE_OFF;
    bool is_logged = !is_captured || slot_can_deliver();
    if (!is_captured)
        slot_require(static_cast<MissingSlot>(outbox_missing_slot));
    if (event.id != nullptr)
        *id = *event.id;
    else
        event_id_generate(id);

    StringInfoData envelope;
    initStringInfo(&envelope);
    envelope_open(&envelope, topic);
    add_key(&envelope, event, key_type);
    envelope_add_uuid(&envelope, "id", id->data);
    add_type(&envelope, event.type);
    int before_headers = envelope.len;
    add_headers(&envelope, event.headers);
    context_headers_merge(&envelope, before_headers);
    require_head_size(static_cast<size_t>(envelope.len));
    add_payload(&envelope, event.payload);
    envelope_close(&envelope);
    if (envelope.len > outbox_max_event_bytes)
        refuse_size(static_cast<size_t>(envelope.len));

    if (rules.is_checked)
        topic_check_event(rules, Text{envelope.data, static_cast<size_t>(envelope.len)});
    if (is_captured)
        capture_event(Text{envelope.data, static_cast<size_t>(envelope.len)}, is_logged);
    if (is_logged)
        outbox_log_message(ENVELOPE_PREFIX, envelope.data, static_cast<size_t>(envelope.len));
    pfree(envelope.data);
}
