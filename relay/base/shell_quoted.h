// A text as one word of a shell, for commands that messages advise. Tested by test/unit/doctor_test.cpp.
#pragma once

#include <string>

namespace outbox {

inline std::string shell_quoted(const std::string &text) {
    std::string quoted = "'";
    for (char c : text)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

} // namespace outbox
