#include "loop/attempts.h"

namespace outbox {

std::optional<std::string> Attempts::news_of(const StreamLost &lost, Lsn confirmed) {
    std::string text;
    if (lost.slot_in_use())
        text = std::string("standing by: ") + lost.what();
    else if (!same_error_.note(lost.sqlstate(), confirmed))
        text = std::string(lost.what()) + "; trying again";
    else
        text =
            fmt::format("{}: the server has failed three times at the position {} of the slot, and fails there again with each attempt. "
                        "The server's log says more; a newer minor release of PostgreSQL may mend the server. "
                        "pg_replication_slot_advance() gives up transactions that cannot be decoded, and loses their events. Trying again",
                        lost.what(), format_lsn(confirmed));
    return postgres_.changed(text) ? std::optional(text) : std::nullopt;
}

} // namespace outbox
