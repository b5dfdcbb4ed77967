// outbox.emit(): checks one event, writes its envelope to the WAL as a transactional logical message, returns its id.
// The message belongs to the (sub)transaction: a rollback drops it, COMMIT PREPARED publishes it. Nothing else is stored.
// Errors name what was wrong, never a word of what was given. Tested by sql/.
#include "envelope.h"
#include "event_id.h"
#include "json.h"
#include "pg.h"
#include "settings.h"
#include "slot.h"

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit);
}

namespace {

enum Argument { ARG_TOPIC, ARG_KEY, ARG_PAYLOAD, ARG_TYPE, ARG_HEADERS };

// ---- checks ---------------------------------------------------------------------------------------------------------

void require_writable_transaction() {
    if (RecoveryInProgress())
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("cannot execute outbox.emit() during recovery"),
                        errhint("Connect to the primary server.")));
    if (XactReadOnly)
        ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION), errmsg("cannot execute outbox.emit() in a read-only transaction"),
                        errhint("Begin the transaction with READ WRITE.")));
}

// The fast-path interface (PQfn) tells no argument types, and without them a number could be taken for a pointer.
void require_argument_types(FunctionCallInfo fcinfo) {
    if (!OidIsValid(get_fn_expr_argtype(fcinfo->flinfo, ARG_KEY)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("outbox.emit() must be called by an SQL statement"),
                        errhint("Use SELECT outbox.emit(...) instead of the fast-path interface.")));
}

[[noreturn]] void refuse_size(size_t size) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("event is larger than \"outbox.max_event_bytes\""),
                    errdetail("The event has %zu bytes or more; the limit is %d.", size, outbox_max_event_bytes),
                    errhint("Publish a reference to the data, or raise \"outbox.max_event_bytes\" and the Kafka topic's "
                            "\"max.message.bytes\".")));
    pg_unreachable();
}

[[noreturn]] void refuse_text(const char *what) {
    ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("%s is not valid text or cannot be written in UTF-8", what),
                    errhint("Events are always UTF-8; pass other bytes as bytea.")));
    pg_unreachable();
}

void require_size(Datum value) { // before anything is copied or decompressed
    Size size = toast_raw_datum_size(value) - VARHDRSZ;
    if (size > envelope_size_max)
        refuse_size(size);
}

// ---- text in UTF-8 --------------------------------------------------------------------------------------------------

Text convert(const char *data, size_t size, const char *what) {
    Oid conversion = FindDefaultConversionProc(GetDatabaseEncoding(), PG_UTF8);
    if (!OidIsValid(conversion))
        refuse_text(what);
    size_t room = size * MAX_CONVERSION_GROWTH + 1;
    unsigned char *converted = static_cast<unsigned char *>(palloc(room));
    int consumed = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8,
                                                 reinterpret_cast<unsigned char *>(const_cast<char *>(data)), static_cast<int>(size),
                                                 converted, static_cast<int>(room), true);
    if (consumed != static_cast<int>(size))
        refuse_text(what);
    return Text{reinterpret_cast<char *>(converted), strlen(reinterpret_cast<char *>(converted))};
}

// What the plugin would refuse must not get past this point: a refused event is a lost event.
Text to_utf8(Text text, const char *what) {
    if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
        text = convert(text.data, text.size, what);
    if (!pg_verify_mbstr(PG_UTF8, text.data, static_cast<int>(text.size), true))
        refuse_text(what);
    return text;
}

Text text_of(Datum value) {
    text *packed = DatumGetTextPP(value);
    return Text{VARDATA_ANY(packed), static_cast<size_t>(VARSIZE_ANY_EXHDR(packed))};
}

Text utf8_of(Datum value, const char *what) {
    require_size(value);
    return to_utf8(text_of(value), what);
}

// ---- the members of the envelope, in its order ----------------------------------------------------------------------

Text topic_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(ARG_TOPIC))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("topic must not be null"), errhint("Give the name of a Kafka topic.")));
    Text topic = text_of(PG_GETARG_DATUM(ARG_TOPIC));
    if (!envelope_topic_is_valid(topic))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid topic name"),
                 errhint("Kafka allows 1 to %d letters, digits, \".\", \"_\" and \"-\", but not \".\" or \"..\".", envelope_topic_max)));
    return topic;
}

void add_key(StringInfo envelope, FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(ARG_KEY)) {
        if (PG_ARGISNULL(ARG_PAYLOAD))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("key and payload must not both be null"),
                            errhint("A null payload is a tombstone: it deletes what the topic holds for its key.")));
        return;
    }
    Datum key = PG_GETARG_DATUM(ARG_KEY);
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, ARG_KEY);
    if (type == UUIDOID)
        return envelope_add_uuid(envelope, "key", DatumGetUUIDP(key)->data);
    if (type != INT8OID)
        return envelope_add_string(envelope, "key", utf8_of(key, "key"));
    const char *written = DatumGetCString(DirectFunctionCall1(int8out, key));
    envelope_add_string(envelope, "key", Text{written, strlen(written)});
}

void add_type(StringInfo envelope, FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(ARG_TYPE))
        return;
    Text type = utf8_of(PG_GETARG_DATUM(ARG_TYPE), "type");
    if (type.size > 0)
        envelope_add_string(envelope, "type", type);
}

[[noreturn]] void refuse_headers() {
    ereport(ERROR, (errcode(ERRCODE_SQL_JSON_OBJECT_NOT_FOUND), errmsg("headers must be a JSON object whose values are strings"),
                    errhint("For example: '{\"traceparent\": \"00-4bf92f35\"}'.")));
    pg_unreachable();
}

void require_header_name(const JsonbValue *name) {
    if (envelope_header_is_reserved(Text{name->val.string.val, static_cast<size_t>(name->val.string.len)}))
        ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("headers must not be named \"id\" or \"type\""),
                        errhint("The relay sets both: from the event's id and from the argument \"type\".")));
}

void add_headers(StringInfo envelope, FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(ARG_HEADERS))
        return;
    require_size(PG_GETARG_DATUM(ARG_HEADERS));
    Jsonb *headers = PG_GETARG_JSONB_P(ARG_HEADERS);
    if (!JB_ROOT_IS_OBJECT(headers))
        refuse_headers();
    if (JB_ROOT_COUNT(headers) == 0)
        return;
    if (JB_ROOT_COUNT(headers) > envelope_headers_max)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("headers must not be more than %d", envelope_headers_max)));

    envelope_add_raw(envelope, "headers");
    JsonbIterator *iterator = JsonbIteratorInit(&headers->root);
    JsonbIteratorToken token;
    JsonbValue value;
    char separator = '{';
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token != WJB_KEY && token != WJB_VALUE)
            continue;
        if (value.type != jbvString)
            refuse_headers();
        if (token == WJB_KEY) {
            require_header_name(&value);
            appendStringInfoChar(envelope, separator);
            separator = ',';
        } else {
            appendStringInfoChar(envelope, ':');
        }
        Text text = to_utf8(Text{value.val.string.val, static_cast<size_t>(value.val.string.len)}, "header");
        json_append_string(envelope, text.data, text.size);
    }
    appendStringInfoChar(envelope, '}');
}

void add_json(StringInfo envelope, Text json) {
    JsonError error;

    if (json.size > envelope_size_max)
        refuse_size(json.size);
    json = to_utf8(json, "payload");
    envelope_add_raw(envelope, "payload");
    if (json_minify(json.data, json.size, envelope, &error))
        return;
    if (error.too_deep)
        ereport(ERROR, (errcode(ERRCODE_STATEMENT_TOO_COMPLEX), errmsg("payload is nested more than %d levels deep", json_max_depth),
                        errhint("Flatten the payload, or pass it as bytea.")));
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("payload is not valid JSON at byte offset %zu", error.offset),
                    errdetail_internal("%s", error.reason), errhint("Pass JSON as text, json or jsonb, and anything else as bytea.")));
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

// Of variable length and no domains, so that the catalog need not be asked.
bool is_usual(Oid type) { return type == TEXTOID || type == JSONBOID || type == JSONOID || type == BYTEAOID; }

void add_payload(StringInfo envelope, FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(ARG_PAYLOAD))
        return;
    Datum payload = PG_GETARG_DATUM(ARG_PAYLOAD);
    Oid type = get_fn_expr_argtype(fcinfo->flinfo, ARG_PAYLOAD);
    if (!is_usual(type))
        type = getBaseType(type);
    if (is_usual(type) || get_typlen(type) == -1)
        require_size(payload);

    if (type == JSONBOID)
        add_json(envelope, jsonb_text(payload));
    else if (type == BYTEAOID)
        add_bytes(envelope, payload);
    else if (type == JSONOID || type == BPCHAROID || IsBinaryCoercible(type, TEXTOID))
        add_json(envelope, text_of(payload));
    else if (type_is_rowtype(type))
        add_json(envelope, text_of(DirectFunctionCall1(row_to_json, payload)));
    else
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("payload must not be of type %s", format_type_be(type)),
                        errhint("Pass JSON as text, json or jsonb, bytes as bytea, or a row; to_jsonb() makes JSON of any value.")));
}

} // namespace

Datum outbox_emit(PG_FUNCTION_ARGS) {
    require_argument_types(fcinfo);
    require_writable_transaction();
    Text topic = topic_argument(fcinfo);
    slot_require(static_cast<MissingSlot>(outbox_missing_slot));

    pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    event_id_generate(id);

    StringInfoData envelope;
    initStringInfo(&envelope);
    envelope_open(&envelope, topic);
    add_key(&envelope, fcinfo);
    envelope_add_uuid(&envelope, "id", id->data);
    add_type(&envelope, fcinfo);
    add_headers(&envelope, fcinfo);
    add_payload(&envelope, fcinfo);
    envelope_close(&envelope);
    if (envelope.len > outbox_max_event_bytes)
        refuse_size(static_cast<size_t>(envelope.len));

    outbox_log_message(ENVELOPE_PREFIX, envelope.data, static_cast<size_t>(envelope.len));
    pfree(envelope.data);
    PG_RETURN_UUID_P(id);
}
