// Does the server end every session with the same error at the same position? Then another attempt changes nothing, and the error is not
// one of those that pass. Pure. Tested by test/unit/same_error_test.cpp.
#pragma once

#include "core/wire.h"

#include <string>

namespace outbox {

class SameError {
public:
    // A session ended with this SQLSTATE, and the slot's confirmed position was this one when the session began. True once it is the same
    // for the third time in a row, and from then on.
    bool note(const std::string &sqlstate, Lsn confirmed) {
        bool is_same = sqlstate == sqlstate_ && confirmed == confirmed_;
        sqlstate_ = sqlstate;
        confirmed_ = confirmed;
        times_ = is_same ? times_ + 1 : 1;
        return times_ >= 3 && !passes(sqlstate);
    }

private:
    // Nothing that the server says of the stream, a connection that an administrator ended, a server that stops or starts, a slot in use.
    static bool passes(const std::string &sqlstate) {
        return sqlstate.empty() || sqlstate.starts_with("57P") || sqlstate.starts_with("08") || sqlstate == "55006";
    }

    std::string sqlstate_;
    Lsn confirmed_{};
    int times_ = 0;
};

} // namespace outbox
