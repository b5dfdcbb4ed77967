// emit in SQL, for a server that takes no library: what `setup --plugin pgoutput` creates besides the slot. The script is
// outbox_ext/hosted/outbox.sql, which the program carries. Tested by test/t/161_hosted_setup.t.
#pragma once

#include "postgres/steps.h"

namespace outbox {

// Whether emit is SQL in this database.
bool has_hosted_form(Server &server);

// Creates the schema with emit, and the empty publication, where they are missing. Throws Failure where a schema of that name is
// another's, or where the slot has a name that no relay reads with pgoutput. Where the extension is: see form_move.h.
void install_hosted_form(const Steps &steps, const std::string &slot);

// emit accepts events from now on: the slot is one of those that must be able to deliver.
void name_slot_to_emit(const Steps &steps, const std::string &slot);

} // namespace outbox
