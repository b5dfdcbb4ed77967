// Recognizes a server that ends every session with the same error at the same position: another attempt changes nothing. Pure. Tested by
// test/unit/same_error_test.cpp.
#pragma once

#include "core/wire.h"

#include <string>

namespace outbox {

class SameError {
public:
    // A session ended with this SQLSTATE; `confirmed` was the slot's position when the session began. True from the third time in a row on
    // that both are the same.
    bool note(const std::string &sqlstate, Lsn confirmed) {
        bool is_same = sqlstate == sqlstate_ && confirmed == confirmed_;
        sqlstate_ = sqlstate;
        confirmed_ = confirmed;
        times_ = is_same ? times_ + 1 : 1;
        return times_ >= 3 && !passes(sqlstate);
    }

private:
    // Errors that pass: no SQLSTATE, a connection that an administrator ended, a server that stops or starts, a slot in use.
    static bool passes(const std::string &sqlstate) {
        return sqlstate.empty() || sqlstate.starts_with("57P") || sqlstate.starts_with("08") || sqlstate == "55006";
    }

    std::string sqlstate_;
    Lsn confirmed_{};
    int times_ = 0;
};

} // namespace outbox
