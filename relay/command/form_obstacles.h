// The reasons for which a database cannot be moved from one form to the other, found before the move changes anything. Each function throws
// Failure with ExitCode::not_prepared, whose message says what to do. Tested by test/t/162_move.t.
#pragma once

#include "postgres/server.h"

#include <string>
#include <string_view>
#include <vector>

namespace outbox {

// The role owns the extension that goes; only a superuser installs the extension that comes.
void require_rights(Server &server, bool is_to_hosted);

// A relay reads slots of pgoutput only where their names begin with "outbox". With `copy_suffix` each name has NAMEDATALEN - 1 bytes at
// most.
void require_names(const std::vector<std::string> &slots, std::string_view copy_suffix, bool is_to_hosted);

// The views of topics and the triggers of tables: their owner drops them, and makes them again on top of the other form.
void require_nothing_depends(Server &server);

// emit in SQL writes the message as its caller, who therefore needs the right to call pg_logical_emit_message().
void require_callers_may_write(Server &server);

} // namespace outbox
