// setup moves a database from the extension to the hosted form, emit in SQL with slots of pgoutput, and back. At each moment a slot keeps
// what is emitted, and emit demands such a slot: a transaction that emits while the functions change fails or is delivered. Setup that was
// killed in the middle goes on where it was. Tested by test/t/162_move.t.
#pragma once

#include "postgres/steps.h"

namespace outbox {

// Whether the database has the other form than the one of this plugin, or a move to this form is unfinished.
bool is_to_be_moved(Server &server, const std::string &plugin);

// Throws Failure with what the operator has to do first: his relays must not read the slots that take the place of others.
void move_form(const Steps &steps, const std::string &plugin);

} // namespace outbox
