// emit in SQL, for a server that takes no library: the objects that `setup --plugin pgoutput` creates besides the slot. The script is
// outbox_ext/hosted/outbox.sql, which the program carries. Tested by test/t/161_hosted_setup.t.
#pragma once

#include "postgres/steps.h"

namespace outbox {

// Whether emit is SQL in this database.
bool has_hosted_form(Server &server);

// Throws Failure where the slot is there before the publication, which install_hosted_form() would make now. pgoutput looks up the
// publication as it was when a row was written, and fails at a row from before the publication, again with each attempt.
void require_publication_for(Server &server, const std::string &slot);

// Creates the schema with emit, and the empty publication, where they are missing. Throws Failure where a schema of that name belongs to
// something else, or where no relay reads a slot of this name with pgoutput. form_move.h is for a database with the extension.
void install_hosted_form(const Steps &steps, const std::string &slot);

// Adds the slot to those of which one must be able to deliver: emit accepts events from now on.
void name_slot_to_emit(const Steps &steps, const std::string &slot);

} // namespace outbox
