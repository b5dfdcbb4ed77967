#include "loop/attempts.h"

namespace outbox {
namespace {

const char *remedy(const StreamLost &lost) {
    constexpr const char *undefined_object = "42704";
    if (lost.sqlstate() == undefined_object)
        return "pgoutput looks up the publication as it was when a row was written, and the slot has rows from before the publication was "
               "created. pg_replication_slot_advance() to a position behind the creation passes over them, and loses the events between";
    return "The server's log says more; a newer minor release of PostgreSQL may mend the server. pg_replication_slot_advance() gives up "
           "transactions that cannot be decoded, and loses their events";
}

} // namespace

std::optional<std::string> Attempts::news_of(const StreamLost &lost, Lsn confirmed) {
    std::string text;
    if (lost.slot_in_use())
        text = std::string("standing by: ") + lost.what();
    else if (!same_error_.note(lost.sqlstate(), confirmed))
        text = std::string(lost.what()) + "; trying again";
    else
        text = fmt::format("{}: the server has failed three times at the position {} of the slot, and fails there again with each attempt. "
                           "{}. Trying again",
                           lost.what(), format_lsn(confirmed), remedy(lost));
    return postgres_.changed(text) ? std::optional(text) : std::nullopt;
}

} // namespace outbox
