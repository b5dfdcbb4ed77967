// The scripts of outbox_ext/hosted/, which the program carries. Each is many statements, and none of them begins or ends a transaction.
#pragma once

#include <string>

namespace outbox {

std::string hosted_form_sql(); // the schema with emit, and the empty publication
std::string keep_sql();        // before the form changes: what is kept
std::string kept_sql();        // after it: what was kept is put back

} // namespace outbox
