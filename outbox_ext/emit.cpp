// outbox.emit(), the function: the right to call it, and its arguments. event.cpp checks the event itself. Tested by sql/signatures.sql,
// sql/privileges.sql, sql/callers.sql.
#include "event.h"
#include "pg.h"

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit);
PG_FUNCTION_INFO_V1(outbox_require_topic);
PG_FUNCTION_INFO_V1(outbox_require_key_type);
}

namespace {

enum Position { ARG_TOPIC, ARG_KEY, ARG_PAYLOAD, ARG_TYPE, ARG_HEADERS };

// A call over the fast-path interface (PQfn) comes without argument types, and emit would take a number for a pointer.
void require_argument_types(FunctionCallInfo fcinfo) {
    if (!OidIsValid(get_fn_expr_argtype(fcinfo->flinfo, ARG_KEY)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("outbox.emit() must be called by an SQL statement"),
                        errhint("Use SELECT outbox.emit(...) instead of the fast-path interface.")));
}

// PUBLIC may execute the functions with a header_text argument. Such a function runs for a role that may execute the function with the same
// key and jsonb headers.
void require_grant(const Event &event) {
    if (event.headers.type == JSONBOID)
        return;
    Oid types[] = {TEXTOID, event_key_type(event.key.type), ANYCOMPATIBLEOID, TEXTOID, JSONBOID};
    List *name = list_make2(makeString(pstrdup("outbox")), makeString(pstrdup("emit")));
    Oid function = LookupFuncName(name, lengthof(types), types, false);
    if (!outbox_may_execute(function))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function emit"),
                        errhint("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA outbox lets a role emit.")));
}

Argument argument(FunctionCallInfo fcinfo, Position position, Oid type) {
    return {fcinfo->args[position].value, type, fcinfo->args[position].isnull};
}

Argument typed_argument(FunctionCallInfo fcinfo, Position position) {
    return argument(fcinfo, position, get_fn_expr_argtype(fcinfo->flinfo, position));
}

} // namespace

Datum outbox_emit(PG_FUNCTION_ARGS) {
    require_argument_types(fcinfo);
    Event event = {argument(fcinfo, ARG_TOPIC, TEXTOID), typed_argument(fcinfo, ARG_KEY),     typed_argument(fcinfo, ARG_PAYLOAD),
                   argument(fcinfo, ARG_TYPE, TEXTOID),  typed_argument(fcinfo, ARG_HEADERS), nullptr};
    require_grant(event);
    pg_uuid_t *id = static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t)));
    event_emit(event, id);
    PG_RETURN_UUID_P(id);
}

// Raises emit's error for a topic, for the functions in PL/pgSQL. outbox_require_key_type() does the same for the type of a key column.
Datum outbox_require_topic(PG_FUNCTION_ARGS) {
    event_require_topic({PG_GETARG_DATUM(0), TEXTOID, PG_ARGISNULL(0)});
    PG_RETURN_VOID();
}

Datum outbox_require_key_type(PG_FUNCTION_ARGS) {
    event_key_type(PG_GETARG_OID(0),
                   "Name a column of type text, uuid or an integer; a generated column can have another one's value as text.");
    PG_RETURN_VOID();
}
