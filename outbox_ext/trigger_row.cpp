#include "trigger_row.h"

namespace {

struct Emission {
    const Trigger *trigger;
    Relation relation;
    const char *key;
};

void name_trigger(void *argument) {
    const Emission *emission = static_cast<const Emission *>(argument);
    const char *trigger = emission->trigger->tgname, *relation = RelationGetRelationName(emission->relation);
    if (*emission->key == '\0')
        errcontext("trigger \"%s\" of relation \"%s\"", trigger, relation);
    else
        errcontext("trigger \"%s\" of relation \"%s\", whose key is column \"%s\"", trigger, relation, emission->key);
}

} // namespace

void trigger_emit(const TriggerData *trigger, const char *key, const Event &event, pg_uuid_t *id) {
    Emission emission = {trigger->tg_trigger, trigger->tg_relation, key};
    ErrorContextCallback callback = {error_context_stack, name_trigger, &emission};
    error_context_stack = &callback; // the server resets the stack where an error ends the call
    event_emit(event, id);
    error_context_stack = callback.previous;
}
