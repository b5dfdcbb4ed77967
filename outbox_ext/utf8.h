// Converts text from the database's encoding to UTF-8, in which events are written. Tested by sql/encoding.sql.
#pragma once

#include "contract/text.h"
#include "pg.h"

// Returns the text in UTF-8. Raises an error where the text has no form in UTF-8, is no valid text, or holds NUL: the plugin's guard would
// reject such an event, and a rejected event is lost. `what` names the argument.
Text utf8_from_server(Text text, const char *what);

[[noreturn]] void utf8_refuse(const char *what);
