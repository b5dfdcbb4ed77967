#include "command/doctor/limits.h"

namespace outbox {

Finding judge_disk(double kept_bytes, double free_bytes, double bytes) {
    std::string said =
        bytes_text(free_bytes) + " of the disk's " + bytes_text(bytes) + " are free, and the slot keeps " + bytes_text(kept_bytes);
    std::string then = "make room, or bound the slot with max_slot_wal_keep_size, which then can lose events";
    bool is_nearly_full = free_bytes < bytes * 0.05, is_filling = free_bytes < bytes * 0.15 && free_bytes < kept_bytes * 4;
    if (!is_nearly_full && !is_filling)
        return ok(said);
    std::string sentence = said + (is_nearly_full ? ": PostgreSQL stops when it is full" : ": the WAL will fill it");
    return {is_nearly_full ? Verdict::fail : Verdict::warn, sentence, {"df -h"}, then};
}

} // namespace outbox
