// The server reads the magic block when it loads the library and then calls _PG_init(), which defines the settings.
#include "context_headers.h"
#include "contract/rules.h"
#include "pg.h"
#include "settings.h"

extern "C" {
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "outbox", .version = OUTBOX_VERSION);
#else
PG_MODULE_MAGIC;
#endif
PGDLLEXPORT void _PG_init(void);
}

int outbox_missing_slot = MISSING_SLOT_ERROR;
char *outbox_slots = nullptr;
static char *outbox_headers = nullptr; // context_headers.cpp keeps the parsed value
int outbox_max_event_bytes = 900 * 1024;
int outbox_capture = CAPTURE_OFF;
int outbox_require_transaction = REQUIRE_NOTHING;

static const struct config_enum_entry missing_slot_options[] = {
    {"error", MISSING_SLOT_ERROR, false},
    {"warning", MISSING_SLOT_WARNING, false},
    {"ignore", MISSING_SLOT_IGNORE, false},
    {nullptr, 0, false},
};

// The words of a boolean are words of this setting, too.
static const struct config_enum_entry capture_options[] = {
    {"off", CAPTURE_OFF, false}, {"on", CAPTURE_ON, false}, {"session", CAPTURE_SESSION, false}, {"false", CAPTURE_OFF, true},
    {"true", CAPTURE_ON, true},  {"no", CAPTURE_OFF, true}, {"yes", CAPTURE_ON, true},           {"0", CAPTURE_OFF, true},
    {"1", CAPTURE_ON, true},     {nullptr, 0, false},
};

static const struct config_enum_entry require_transaction_options[] = {
    {"off", REQUIRE_NOTHING, false},
    {"warning", REQUIRE_BY_WARNING, false},
    {"error", REQUIRE_BY_ERROR, false},
    {"on", REQUIRE_BY_ERROR, true},
    {nullptr, 0, false},
};

void _PG_init(void) {
    DefineCustomEnumVariable("outbox.missing_slot", "What emit does when no replication slot can deliver the event.",
                             "\"warning\" and \"ignore\" let the transaction commit without its event.", &outbox_missing_slot,
                             MISSING_SLOT_ERROR, missing_slot_options, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("outbox.slots",
                               "Replication slots that must be able to deliver an event; one that cannot is a missing slot.",
                               "An empty list: all persistent slots of the database that use the output plugin \"outbox\".", &outbox_slots,
                               "", PGC_SUSET, GUC_LIST_INPUT, slot_names_are_valid, slot_names_changed, nullptr);
    DefineCustomIntVariable("outbox.max_event_bytes", "Largest event that emit accepts, counted with its key, headers and names.",
                            "Keep it below what the Kafka topics accept (\"max.message.bytes\").", &outbox_max_event_bytes, 900 * 1024, 1,
                            static_cast<int>(envelope_size_max), PGC_SUSET, GUC_UNIT_BYTE, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("outbox.headers",
                               "Headers of the events of this transaction (SET LOCAL) or session, as a JSON object of strings.",
                               "A header of the same name in the call wins.", &outbox_headers, "", PGC_USERSET, 0,
                               context_headers_are_valid, context_headers_changed, nullptr);
    DefineCustomEnumVariable("outbox.capture", "Keeps the emitted events in memory for outbox.captured(), for tests.",
                             "With \"session\", events of committed transactions are kept, too. An event that no slot can deliver is only "
                             "kept, and not written.",
                             &outbox_capture, CAPTURE_OFF, capture_options, PGC_USERSET, 0, nullptr, capture_changed, nullptr);
    DefineCustomEnumVariable("outbox.require_transaction", "What happens to an event that is emitted outside of a transaction block.",
                             "Outside of a transaction block, an event is committed with its statement alone.", &outbox_require_transaction,
                             REQUIRE_NOTHING, require_transaction_options, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    EmitWarningsOnPlaceholders("outbox");
}
