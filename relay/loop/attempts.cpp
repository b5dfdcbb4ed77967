#include "loop/attempts.h"

namespace outbox {

std::optional<std::string> Attempts::news_of(const StreamLost &lost, Lsn confirmed) {
    std::string text;
    if (lost.slot_in_use())
        text = std::string("standing by: ") + lost.what();
    else if (!same_error_.note(lost.sqlstate(), confirmed))
        text = std::string(lost.what()) + "; trying again";
    else
        text = fmt::format(
            "{}: the server has failed three times at the position {} of the slot, and will not get past it by itself. Its own log "
            "says more; an update of its minor release may mend it. What nobody can decode is given up with "
            "pg_replication_slot_advance(), and its events are lost. Trying again",
            lost.what(), format_lsn(confirmed));
    return postgres_.changed(text) ? std::optional(text) : std::nullopt;
}

} // namespace outbox
