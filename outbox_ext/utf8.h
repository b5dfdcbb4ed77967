// Text of the database in UTF-8, which is what events are written in. Tested by sql/encoding.sql.
#pragma once

#include "contract/text.h"
#include "pg.h"

// The text in UTF-8; an error where that cannot be, or where the text holds NUL: what the plugin would reject must not get past this
// point, since a rejected event is a lost event. `what` names the argument.
Text utf8_from_server(Text text, const char *what);

[[noreturn]] void utf8_refuse(const char *what);
