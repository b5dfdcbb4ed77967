// A row as JSON, in the same form whatever the session's settings are: consumers compare. Tested by sql/rows.sql.
#pragma once

#include "contract/text.h"
#include "pg.h"

// As row_to_json(), with TimeZone UTC, DateStyle ISO, IntervalStyle postgres, extra_float_digits 1, bytea_output hex, lc_monetary C, and
// the names of regclass and its like qualified as with a search_path of pg_catalog.
Text row_json(Datum row);
