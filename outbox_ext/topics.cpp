#include "topics.h"

#include <cstring>

extern "C" {
PG_FUNCTION_INFO_V1(outbox_topics_changed);
}

namespace {

enum Column { COLUMN_NAME = 1, COLUMN_WRITERS, COLUMN_CHECK_FUNCTION, COLUMNS = COLUMN_CHECK_FUNCTION };

struct Topic {
    Text name;
    int writer_count; // -1: every role that may emit
    char **writers;   // names of roles
    char *check_function;
};

// The content of the table. Empty: every topic is accepted.
MemoryContext memory = nullptr;
bool is_current = false; // false from the next invalidation on
uint64 changes = 0;      // invalidations so far
Oid table = InvalidOid;  // invalid where the extension's objects are of 1.0
Topic *topics = nullptr; // sorted by name
int count = 0, room = 0;

void table_changed(Datum, Oid relation) {
    if (OidIsValid(relation) && OidIsValid(table) && relation != table)
        return;
    is_current = false;
    changes++;
}

int compare(Text one, Text other) {
    int order = memcmp(one.data, other.data, Min(one.size, other.size));
    return order != 0 ? order : static_cast<int>(one.size) - static_cast<int>(other.size);
}

int compare_topics(const void *one, const void *other) {
    return compare(static_cast<const Topic *>(one)->name, static_cast<const Topic *>(other)->name);
}

void read_writers(Datum value, Topic *topic) {
    Datum *names;
    bool *nulls;
    deconstruct_array(DatumGetArrayTypeP(value), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, &nulls, &topic->writer_count);
    topic->writers = static_cast<char **>(palloc(sizeof(char *) * static_cast<size_t>(Max(topic->writer_count, 1))));
    for (int i = 0; i < topic->writer_count; i++)
        topic->writers[i] = nulls[i] ? pstrdup("") : pstrdup(NameStr(*DatumGetName(names[i])));
}

void add(HeapTuple row, TupleDesc description) {
    Datum values[COLUMNS];
    bool nulls[COLUMNS];
    heap_deform_tuple(row, description, values, nulls);
    if (count == room) {
        room = room == 0 ? 64 : room * 2;
        topics = static_cast<Topic *>(topics == nullptr ? palloc(sizeof(Topic) * static_cast<size_t>(room))
                                                        : repalloc(topics, sizeof(Topic) * static_cast<size_t>(room)));
    }
    char *name = TextDatumGetCString(values[COLUMN_NAME - 1]);
    Topic *topic = &topics[count];
    *topic = {{name, strlen(name)}, -1, nullptr, nullptr};
    if (!nulls[COLUMN_WRITERS - 1])
        read_writers(values[COLUMN_WRITERS - 1], topic);
    if (!nulls[COLUMN_CHECK_FUNCTION - 1])
        topic->check_function = TextDatumGetCString(values[COLUMN_CHECK_FUNCTION - 1]);
    count++;
}

// Reads what is committed now, whatever snapshot the transaction has.
void read_table() {
    Relation relation = table_open(table, AccessShareLock);
    if (RelationGetDescr(relation)->natts < COLUMNS)
        elog(ERROR, "outbox.topics has %d columns", RelationGetDescr(relation)->natts);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
    while (HeapTuple row = systable_getnext(scan))
        add(row, RelationGetDescr(relation));
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
}

void refresh() {
    if (memory == nullptr) {
        CacheRegisterRelcacheCallback(table_changed, 0);
        memory = AllocSetContextCreate(CacheMemoryContext, "outbox.topics", ALLOCSET_DEFAULT_SIZES);
    }
    topics = nullptr;
    count = room = 0;
    MemoryContextReset(memory);
    MemoryContext before = MemoryContextSwitchTo(memory);
    uint64 before_reading = changes;
    Oid schema = get_namespace_oid("outbox", true);
    table = OidIsValid(schema) ? get_relname_relid("topics", schema) : InvalidOid;
    if (OidIsValid(table))
        read_table();
    qsort(topics, static_cast<size_t>(count), sizeof(Topic), compare_topics);
    MemoryContextSwitchTo(before);
    is_current = changes == before_reading; // a change that came while the table was read counts for the next event
}

const Topic *find(Text name) {
    Topic wanted = {name, -1, nullptr, nullptr};
    return static_cast<Topic *>(bsearch(&wanted, topics, static_cast<size_t>(count), sizeof(Topic), compare_topics));
}

// The name in the table that is at most a third of its letters away, in case of a slip; null where there is none.
const char *nearest(Text name) {
    const char *best = nullptr;
    int best_distance = static_cast<int>(name.size) / 3 + 2;
    for (int i = 0; i < count; i++) {
        int distance = varstr_levenshtein_less_equal(name.data, static_cast<int>(name.size), topics[i].name.data,
                                                     static_cast<int>(topics[i].name.size), 1, 1, 1, best_distance - 1, true);
        if (distance < best_distance) {
            best_distance = distance;
            best = topics[i].name.data;
        }
    }
    return best;
}

[[noreturn]] void refuse_unknown(Text name) {
    const char *best = nearest(name);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("topic is not in outbox.topics"),
                    best == nullptr ? errdetail("No name in outbox.topics is like this one.")
                                    : errdetail("The nearest name in outbox.topics is \"%s\".", best),
                    errhint("Correct the name; or, once the topic is in Kafka: INSERT INTO outbox.topics (name) VALUES (...).")));
    pg_unreachable();
}

bool may_write(const Topic *topic, Oid role) {
    for (int i = 0; i < topic->writer_count; i++) {
        Oid writer = get_role_oid(topic->writers[i], true);
        if (OidIsValid(writer) && has_privs_of_role(role, writer))
            return true;
    }
    return topic->writer_count < 0 || superuser_arg(role);
}

// The check function of a topic. Its name is qualified, so no search path decides which function runs.
Oid check_function_of(const Topic *topic) {
    Oid types[] = {TEXTOID, JSONBOID, JSONBOID};
    Oid function = LookupFuncName(outbox_qualified_name(topic->check_function), lengthof(types), types, true);
    if (!OidIsValid(function) || get_func_rettype(function) != TEXTOID)
        ereport(
            ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("the check function of topic \"%s\" does not exist", topic->name.data),
             errhint("outbox.topics names it as schema.function; it takes (key text, payload jsonb, headers jsonb) and returns text.")));
    if (func_strict(function)) // an event without headers has a null argument
        ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                        errmsg("the check function of topic \"%s\" is STRICT and would pass every event without headers", topic->name.data),
                        errhint("ALTER FUNCTION %s(text, jsonb, jsonb) CALLED ON NULL INPUT.", topic->check_function)));
    return function;
}

// A member of the envelope, as a value of the server; null where the envelope has none.
Datum part(Datum envelope, const char *name, bool as_text, bool *is_null) {
    Datum key = PointerGetDatum(cstring_to_text(name));
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, nullptr, 2, DEFAULT_COLLATION_OID, nullptr, nullptr);
    call->args[0] = {envelope, false};
    call->args[1] = {key, false};
    Datum result = as_text ? json_object_field_text(call) : json_object_field(call);
    *is_null = call->isnull;
    if (call->isnull || as_text)
        return result;
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(result)));
}

// Fills the arguments of a check function. The server's own error would show a part of the payload.
void take_arguments(Datum line, FunctionCallInfo call) {
    MemoryContext before = CurrentMemoryContext;
    PG_TRY();
    {
        call->args[0].value = part(line, "key", true, &call->args[0].isnull);
        call->args[1].value = part(line, "payload", false, &call->args[1].isnull);
        call->args[2].value = part(line, "headers", false, &call->args[2].isnull);
    }
    PG_CATCH();
    {
        if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_TO_CATEGORY(ERRCODE_UNTRANSLATABLE_CHARACTER)) // class 22
            PG_RE_THROW();
        int code = geterrcode();
        MemoryContextSwitchTo(before);
        FlushErrorState();
        ereport(ERROR, (errcode(code), errmsg("event cannot be jsonb, which the check function of its topic takes"),
                        errhint("jsonb takes neither \\u0000 nor numbers out of the range of numeric.")));
    }
    PG_END_TRY();
}

// The topic's row; null where every topic is accepted.
const Topic *require_row(Text name) {
    // a statement that only emits would not do so within a transaction; costs nothing where there are no messages
    AcceptInvalidationMessages();
    if (!is_current)
        refresh();
    if (count == 0)
        return nullptr;
    const Topic *topic = find(name);
    if (topic == nullptr)
        refuse_unknown(name);
    return topic;
}

} // namespace

void topic_require_known(Text name) { require_row(name); }

TopicRules topic_require(Text name, Oid role) {
    const Topic *topic = require_row(name);
    if (topic == nullptr)
        return {false, InvalidOid};
    if (!may_write(topic, role))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for topic \"%s\"", topic->name.data),
                        role == GetUserId() ? 0 : errdetail("The owner of the view or table may not write to the topic."),
                        errhint("The column writers of outbox.topics names the roles that may write to the topic.")));
    if (topic->check_function == nullptr)
        return {false, InvalidOid};
    return {true, check_function_of(topic)};
}

void topic_check_event(const TopicRules &rules, Text envelope) {
    FmgrInfo function;
    fmgr_info(rules.check_function, &function);
    LOCAL_FCINFO(call, 3);
    InitFunctionCallInfoData(*call, &function, 3, DEFAULT_COLLATION_OID, nullptr, nullptr);
    Datum line = CStringGetTextDatum(pg_any_to_server(pnstrdup(envelope.data, envelope.size), static_cast<int>(envelope.size), PG_UTF8));
    take_arguments(line, call);
    Datum reason = FunctionCallInvoke(call);
    if (!call->isnull)
        ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION), errmsg("event fails the check function of its topic"),
                        errdetail_internal("%s", TextDatumGetCString(reason)),
                        errhint("The detail is the reason that the check function in outbox.topics gives.")));
}

// The trigger of outbox.topics: makes every backend read the table again.
Datum outbox_topics_changed(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("outbox.topics_changed() must be a trigger"),
                        errhint("The function is the trigger of outbox.topics.")));
    CacheInvalidateRelcache(reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation);
    return Datum{0};
}
