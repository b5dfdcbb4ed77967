// The event's id: a UUIDv7 (RFC 9562), the name by which consumers recognize a repeated event. Ids increase strictly within a backend, even
// when the clock stands still or goes back (event_clock.h). Tested by sql/event_id.sql.
#pragma once

#include "pg.h"

void event_id_generate(pg_uuid_t *id);
