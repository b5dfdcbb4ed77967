#include "row.h"

#include <cstring>

namespace {

void set(const char *name, const char *value) {
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

bool is_utc(const char *zone) { return strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0; }

// The settings that decide the form of a value, as in postgres_fdw's set_transmission_modes() and with pg_dump's values. A setting that has
// the right value already costs one comparison.
void pin_settings() {
    if (!is_utc(pg_get_timezone_name(session_timezone)))
        set("timezone", "UTC");
    if (DateStyle != USE_ISO_DATES)
        set("datestyle", "ISO");
    if (IntervalStyle != INTSTYLE_POSTGRES)
        set("intervalstyle", "postgres");
    if (extra_float_digits != 1)
        set("extra_float_digits", "1");
    if (bytea_output != BYTEA_OUTPUT_HEX)
        set("bytea_output", "hex");
    if (strcmp(locale_monetary, "C") != 0)
        set("lc_monetary", "C");
    if (quote_all_identifiers)
        set("quote_all_identifiers", "off");
    // Where pg_temp is not named, it comes first, and a caller's own types there would run within a definer's function.
    if (strcmp(namespace_search_path, "pg_catalog, pg_temp") != 0)
        set("search_path", "pg_catalog, pg_temp");
}

} // namespace

Text row_json(Datum row) {
    int level = NewGUCNestLevel(); // after an error the end of the (sub)transaction restores the settings
    pin_settings();
    text *json = DatumGetTextPP(DirectFunctionCall1(row_to_json, row));
    AtEOXact_GUC(true, level);
    return Text{VARDATA_ANY(json), static_cast<size_t>(VARSIZE_ANY_EXHDR(json))};
}
