// A row as JSON. The form does not depend on the session's settings, since consumers compare events. Tested by sql/rows.sql.
#pragma once

#include "contract/text.h"
#include "pg.h"

// The result of row_to_json() under TimeZone UTC, DateStyle ISO, IntervalStyle postgres, extra_float_digits 1, bytea_output hex,
// lc_monetary C, quote_all_identifiers off and search_path pg_catalog, pg_temp (which qualifies the names of regclass and its like).
Text row_json(Datum row);
