// The scripts of outbox_ext/hosted/, which the program carries. Each has many statements, none of which begins or ends a transaction.
#pragma once

#include <string>

namespace outbox {

std::string hosted_form_sql(); // creates the schema with emit, and the empty publication
std::string keep_sql();        // before the form changes: saves grants and rows
std::string kept_sql();        // after the change: restores what keep_sql() has saved

} // namespace outbox
