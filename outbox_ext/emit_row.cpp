// outbox.emit_row(), the trigger that outbox.attach() creates: an event for each row that a statement writes. The trigger knows nothing
// beyond its arguments:
//   topic, key column, type ("{op}" becomes insert, update or delete), columns of the payload (separated by commas, quoted; empty: all)
// For each row it is an AFTER ROW trigger; for each statement an AFTER STATEMENT trigger with transition tables, which spill to disk where
// the queue of row triggers does not. The writers of the table need no right to emit: the server checks EXECUTE when the trigger is
// created. Tested by sql/attach.sql.
#include "event.h"
#include "pg.h"
#include "trigger_row.h"

#include <cstring>

extern "C" {
PG_FUNCTION_INFO_V1(outbox_emit_row);
PG_FUNCTION_INFO_V1(outbox_refuse_truncate);
PG_FUNCTION_INFO_V1(outbox_trigger_arguments);
}

namespace {

enum TriggerArgument { TRIGGER_TOPIC, TRIGGER_KEY, TRIGGER_TYPE, TRIGGER_COLUMNS, TRIGGER_ARGUMENTS };

// The arguments' meaning for the table as it is now. Computed once a statement.
struct Layout {
    int key;               // the number of the key's column
    int count;             // of the payload's columns; 0: all, so the payload is the row
    int *columns;          // their numbers
    TupleDesc description; // of a record of these columns
};

[[noreturn]] void refuse_column(const TriggerData *trigger, const char *column) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of trigger \"%s\" does not exist", column, trigger->tg_trigger->tgname),
                    errhint("The table has changed since outbox.attach(): detach it, and attach it again with the columns that it has.")));
    pg_unreachable();
}

void require_stored(const TriggerData *trigger, int number) {
    Form_pg_attribute column = TupleDescAttr(trigger->tg_relation->rd_att, number - 1);
    if (!column->attisdropped && column->attgenerated == 'v')
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("column \"%s\" is a virtual generated column, whose value no trigger sees", NameStr(column->attname)),
                        errhint("Name the other columns in outbox.attach(..., columns => ...), or make the column STORED.")));
}

int column_number(const TriggerData *trigger, const char *name) {
    int number = SPI_fnumber(trigger->tg_relation->rd_att, name);
    if (number <= 0)
        refuse_column(trigger, name);
    require_stored(trigger, number);
    return number;
}

void lay_out_payload(const TriggerData *trigger, Layout *layout) {
    TupleDesc table = trigger->tg_relation->rd_att;
    List *names = NIL;
    if (!SplitIdentifierString(pstrdup(trigger->tg_trigger->tgargs[TRIGGER_COLUMNS]), ',', &names))
        elog(ERROR, "invalid list of columns in trigger \"%s\"", trigger->tg_trigger->tgname);
    for (int i = 1; names == NIL && i <= table->natts; i++)
        require_stored(trigger, i);
    if (names == NIL)
        return;
    layout->columns = static_cast<int *>(palloc(sizeof(int) * static_cast<size_t>(list_length(names))));
    layout->description = CreateTemplateTupleDesc(list_length(names));
    ListCell *cell;
    foreach (cell, names) {
        int number = column_number(trigger, static_cast<char *>(lfirst(cell)));
        layout->columns[layout->count++] = number;
        TupleDescCopyEntry(layout->description, static_cast<AttrNumber>(layout->count), table, static_cast<AttrNumber>(number));
    }
    outbox_finish_description(layout->description);
    BlessTupleDesc(layout->description);
}

const Layout *layout_of(FunctionCallInfo fcinfo, const TriggerData *trigger) {
    if (fcinfo->flinfo->fn_extra == nullptr) {
        MemoryContext before = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
        Layout *layout = static_cast<Layout *>(palloc0(sizeof(Layout)));
        layout->key = column_number(trigger, trigger->tg_trigger->tgargs[TRIGGER_KEY]);
        lay_out_payload(trigger, layout);
        MemoryContextSwitchTo(before);
        fcinfo->flinfo->fn_extra = layout;
    }
    return static_cast<Layout *>(fcinfo->flinfo->fn_extra);
}

Argument key_of(const TriggerData *trigger, const Layout *layout, HeapTuple row) {
    TupleDesc table = trigger->tg_relation->rd_att;
    Argument key = {0, TupleDescAttr(table, layout->key - 1)->atttypid, true};
    key.value = heap_getattr(row, layout->key, table, &key.is_null);
    return key;
}

Argument payload_of(const TriggerData *trigger, const Layout *layout, HeapTuple row) {
    TupleDesc table = trigger->tg_relation->rd_att;
    if (layout->count == 0)
        return {heap_copy_tuple_as_datum(row, table), table->tdtypeid, false};
    Datum *values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(layout->count)));
    bool *nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<size_t>(layout->count)));
    for (int i = 0; i < layout->count; i++)
        values[i] = heap_getattr(row, layout->columns[i], table, &nulls[i]);
    return {HeapTupleGetDatum(heap_form_tuple(layout->description, values, nulls)), RECORDOID, false};
}

Argument type_of(const TriggerData *trigger, const char *operation) {
    const char *pattern = trigger->tg_trigger->tgargs[TRIGGER_TYPE];
    StringInfoData type;
    initStringInfo(&type);
    while (const char *place = strstr(pattern, "{op}")) {
        appendBinaryStringInfo(&type, pattern, static_cast<int>(place - pattern));
        appendStringInfoString(&type, operation);
        pattern = place + strlen("{op}");
    }
    appendStringInfoString(&type, pattern);
    return {PointerGetDatum(cstring_to_text_with_len(type.data, type.len)), TEXTOID, false};
}

void emit(const TriggerData *trigger, const char *operation, const Argument &key, const Argument &payload) {
    pg_uuid_t id;
    Argument topic = {CStringGetTextDatum(trigger->tg_trigger->tgargs[TRIGGER_TOPIC]), TEXTOID, false};
    Event event = {topic,
                   key,
                   payload,
                   type_of(trigger, operation),
                   {0, TEXTOID, true},
                   nullptr,
                   DOOR_OF_TABLE,
                   trigger->tg_relation->rd_rel->relowner};
    trigger_emit(trigger, trigger->tg_trigger->tgargs[TRIGGER_KEY], event, &id);
}

bool is_same_key(const Argument &one, const Argument &other) {
    if (one.is_null || other.is_null)
        return one.is_null == other.is_null;
    int16 size;
    bool by_value;
    get_typlenbyval(one.type, &size, &by_value);
    return datum_image_eq(one.value, other.value, by_value, size);
}

// Emits the events of one change. `old_row` and `new_row` are null where the operation has none. A key that goes away gets a tombstone: the
// payload is null.
void emit_change(const TriggerData *trigger, const Layout *layout, HeapTuple old_row, HeapTuple new_row) {
    const Argument none = {0, RECORDOID, true};
    if (old_row != nullptr) {
        Argument old_key = key_of(trigger, layout, old_row);
        if (new_row == nullptr || (!old_key.is_null && !is_same_key(old_key, key_of(trigger, layout, new_row))))
            emit(trigger, "delete", old_key, none);
    }
    if (new_row != nullptr)
        emit(trigger, old_row == nullptr ? "insert" : "update", key_of(trigger, layout, new_row), payload_of(trigger, layout, new_row));
}

// A transition table, read once, from its first row on. Other triggers of the statement read the same rows.
class Rows {
public:
    Rows(Tuplestorestate *rows, TupleDesc description) : rows_(rows) {
        if (rows == nullptr)
            return;
        pointer_ = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
        tuplestore_select_read_pointer(rows, pointer_);
        tuplestore_rescan(rows);
        slot_ = MakeSingleTupleTableSlot(description, &TTSOpsMinimalTuple);
    }

    // Goes to the next row. False at the end, and where there is no such table. The slot frees its row itself, in the caller's memory that
    // stays until close().
    bool advance() {
        if (rows_ == nullptr)
            return false;
        tuplestore_select_read_pointer(rows_, pointer_);
        return tuplestore_gettupleslot(rows_, true, false, slot_);
    }
    HeapTuple row() { return ExecFetchSlotHeapTuple(slot_, false, nullptr); }
    void close() {
        if (rows_ != nullptr)
            ExecDropSingleTupleTableSlot(slot_);
    }

private:
    Tuplestorestate *rows_;
    int pointer_ = 0;
    TupleTableSlot *slot_ = nullptr;
};

// Rows pair only where there are as many of each. A row that moves to another partition, and that a BEFORE trigger there suppresses, is
// among the old rows alone.
void require_pairs(const TriggerData *trigger) {
    if (trigger->tg_oldtable == nullptr || trigger->tg_newtable == nullptr)
        return;
    int64 old_count = tuplestore_tuple_count(trigger->tg_oldtable), new_count = tuplestore_tuple_count(trigger->tg_newtable);
    if (old_count != new_count)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("the old and the new rows of an UPDATE do not pair"),
                        errdetail("There are " INT64_FORMAT " old and " INT64_FORMAT " new ones: a trigger has suppressed a row that "
                                  "moved to another partition.",
                                  old_count, new_count),
                        errhint("Attach the table without \"statement\" in the operations: triggers for each row see what became of it.")));
}

// Emits the events of a statement. An UPDATE writes each row to both transition tables, in the same order, so the rows at one place belong
// together.
void emit_statement(const TriggerData *trigger, const Layout *layout) {
    require_pairs(trigger);
    Rows old_rows(trigger->tg_oldtable, trigger->tg_relation->rd_att), new_rows(trigger->tg_newtable, trigger->tg_relation->rd_att);
    MemoryContext one_row = AllocSetContextCreate(CurrentMemoryContext, "outbox.emit_row", ALLOCSET_DEFAULT_SIZES);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        bool has_old = old_rows.advance(), has_new = new_rows.advance();
        if (!has_old && !has_new)
            break;
        MemoryContext before = MemoryContextSwitchTo(one_row);
        emit_change(trigger, layout, has_old ? old_rows.row() : nullptr, has_new ? new_rows.row() : nullptr);
        MemoryContextSwitchTo(before);
        MemoryContextReset(one_row);
    }
    old_rows.close();
    new_rows.close();
    MemoryContextDelete(one_row);
}

const TriggerData *require_trigger(FunctionCallInfo fcinfo) {
    const TriggerData *trigger = CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData *>(fcinfo->context) : nullptr;
    bool fits = trigger != nullptr && TRIGGER_FIRED_AFTER(trigger->tg_event) && trigger->tg_trigger->tgnargs == TRIGGER_ARGUMENTS &&
                !TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event);
    if (fits && TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event)) {
        bool has_new = trigger->tg_newtable != nullptr, has_old = trigger->tg_oldtable != nullptr;
        fits = has_new == !TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && has_old == !TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
    }
    if (!fits)
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("outbox.emit_row() must be a trigger that outbox.attach() has made"),
                        errhint("Create the trigger with SELECT outbox.attach('table', 'topic').")));
    return trigger;
}

} // namespace

Datum outbox_emit_row(PG_FUNCTION_ARGS) {
    const TriggerData *trigger = require_trigger(fcinfo);
    const Layout *layout = layout_of(fcinfo, trigger);
    if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
        emit_statement(trigger, layout);
    else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
        emit_change(trigger, layout, nullptr, trigger->tg_trigtuple);
    else
        emit_change(trigger, layout, trigger->tg_trigtuple, TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : nullptr);
    return Datum{0};
}

// TRUNCATE fires no trigger for each row, so the rows would go without an event.
Datum outbox_refuse_truncate(FunctionCallInfo) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot truncate a table whose rows are published"),
                    errhint("DELETE the rows; or outbox.attach(..., operations => 'insert, update, delete, truncate'), which lets TRUNCATE "
                            "through, without an event.")));
    pg_unreachable();
}

// The arguments of a trigger, as pg_trigger.tgargs holds them: each ends with a zero byte.
Datum outbox_trigger_arguments(PG_FUNCTION_ARGS) {
    bytea *arguments = PG_GETARG_BYTEA_PP(0);
    const char *at = VARDATA_ANY(arguments), *end = at + VARSIZE_ANY_EXHDR(arguments);
    ArrayBuildState *result = initArrayResult(TEXTOID, CurrentMemoryContext, false);
    while (at < end) {
        size_t size = strnlen(at, static_cast<size_t>(end - at));
        accumArrayResult(result, PointerGetDatum(cstring_to_text_with_len(at, static_cast<int>(size))), false, TEXTOID,
                         CurrentMemoryContext);
        at += size + 1;
    }
    PG_RETURN_DATUM(makeArrayResult(result, CurrentMemoryContext));
}
