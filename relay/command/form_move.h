// Moves a database between the two forms for setup: from the extension to the hosted form, emit in SQL with slots of pgoutput, and back. At
// each moment a slot keeps the events that are emitted, and emit demands such a slot: a transaction that emits while the functions change
// fails or is delivered. A setup that was killed in the middle is continued by the next one. Tested by test/t/162_move.t.
#pragma once

#include "postgres/steps.h"

namespace outbox {

// True where the database has the other form than the plugin's, or a move to the plugin's form is unfinished.
bool is_to_be_moved(Server &server, const std::string &plugin);

// Throws Failure with what the operator has to do first: no relay may read the slots whose place others take.
void move_form(const Steps &steps, const std::string &plugin);

} // namespace outbox
