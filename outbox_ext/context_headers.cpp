#include "context_headers.h"

#include "contract/guard.h"
#include "contract/utf8_valid.h"
#include "headers.h"
#include "utf8.h"

#include <cstring>

namespace {

// The check hook's result: one block, since the server frees it.
struct Checked {
    // `text` is as the session set it, in the encoding of a database that is not UTF-8; otherwise the object is in UTF-8 without white
    // space
    bool needs_conversion;
    size_t size; // 0: no headers
    char text[1];
};

const Checked *current = nullptr; // null: no headers

bool refuse(int sqlstate, const char *detail) {
    GUC_check_errcode(sqlstate);
    GUC_check_errmsg(
        "\"outbox.headers\" must be a JSON object whose values are strings"); // the server's own message would repeat the value
    GUC_check_errdetail("%s", detail);
    GUC_check_errhint("%s", "For example: SET LOCAL outbox.headers = '{\"traceparent\": \"00-4bf92f35\"}'.");
    return false;
}

bool is_foreign_text(const char *value) {
    return GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII && !pg_is_ascii(value);
}

const char *what_is_wrong(const char *value, Checked *checked) {
    if (checked->needs_conversion) { // the conversion needs the catalog, so event_emit() checks the members
        memcpy(checked->text, value, checked->size);
        return json_scan(value, checked->size) ? nullptr : "The value is not valid JSON.";
    }
    if (!utf8_is_valid(value, checked->size))
        return "The value is not valid text.";
    if (!json_scan(value, checked->size, checked->text, &checked->size))
        return "The value is not valid JSON.";
    const char *reason = guard_reject_headers(checked->text, checked->size);
    if (checked->size == 2)
        checked->size = 0;
    return reason == nullptr ? nullptr : psprintf("The value is not valid: %s.", reason);
}

// The headers in UTF-8 and without white space.
Text checked_headers() {
    if (!current->needs_conversion)
        return Text{current->text, current->size};
    StringInfoData object;
    initStringInfo(&object);
    headers_add_text(&object, utf8_from_server(Text{current->text, current->size}, "header"));
    return headers_object(&object, 0);
}

} // namespace

bool context_headers_are_valid(char **value, void **extra, GucSource) {
    size_t size = strlen(*value);
    if (size == 0)
        return true;
    if (size > context_headers_max_bytes)
        return refuse(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "The value is larger than 64 kB.");
    Checked *checked = static_cast<Checked *>(outbox_guc_malloc(sizeof(Checked) + size));
    if (checked == nullptr)
        return false;
    checked->needs_conversion = is_foreign_text(*value);
    checked->size = size;
    if (const char *wrong = what_is_wrong(*value, checked)) {
        outbox_guc_free(checked);
        return refuse(ERRCODE_SQL_JSON_OBJECT_NOT_FOUND, wrong);
    }
    *extra = checked;
    return true;
}

void context_headers_changed(const char *, void *extra) { current = static_cast<const Checked *>(extra); }

void context_headers_merge(StringInfo envelope, int before) {
    if (current == nullptr || current->size == 0)
        return;
    Text headers = checked_headers();
    if (headers.size > 0)
        headers_add_under(envelope, before, headers);
}
