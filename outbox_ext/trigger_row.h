// The row that a trigger's statement inserts, with its columns by name, and the emission of a row's event by a trigger.
#pragma once

#include "event.h"
#include "pg.h"

class TriggerRow {
public:
    explicit TriggerRow(const TriggerData *trigger) : tuple_(trigger->tg_trigtuple), description_(trigger->tg_relation->rd_att) {}

    // The column's value; null where the relation has no such column.
    Argument column(const char *name) const {
        int number = SPI_fnumber(description_, name);
        if (number <= 0)
            return {0, TEXTOID, true};
        Argument column = {0, TupleDescAttr(description_, number - 1)->atttypid, true};
        column.value = heap_getattr(tuple_, number, description_, &column.is_null);
        return column;
    }
    bool has(const char *name) const { return SPI_fnumber(description_, name) > 0; }

    void set(const char *name, Datum value) {
        int number = SPI_fnumber(description_, name);
        if (number <= 0)
            return;
        bool is_null = false;
        tuple_ = heap_modify_tuple_by_cols(tuple_, description_, 1, &number, &value, &is_null);
    }

    // The return value of an INSTEAD OF trigger.
    Datum result() const { return PointerGetDatum(tuple_); }

private:
    HeapTuple tuple_;
    TupleDesc description_;
};

// Emits the event of a row of a table, as event_emit(). Whoever writes the table does not see the call, so each error and warning names the
// trigger, its table and the column of the key, in its context. `key` is empty where the table has no such column.
void trigger_emit(const TriggerData *trigger, const char *key, const Event &event, pg_uuid_t *id);
