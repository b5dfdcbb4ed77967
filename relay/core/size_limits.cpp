#include "core/size_limits.h"

#include <algorithm>

namespace outbox {

void SizeLimits::refused(std::string_view topic, size_t bytes, size_t records, size_t made_with, Time now) {
    auto known = topics_.find(topic);
    if (known == topics_.end())
        topics_.emplace(topic, Limit{bytes, now});
    else if (bytes <= known->second.bytes || now >= known->second.learned_at + known_for)
        known->second = {bytes, now};
    if (records == 1) // the record's own size is to blame, so smaller batches would change nothing
        return;
    size_t before = batch_bytes(now);
    size_t wanted = std::max<size_t>(1, (made_with == 0 ? bytes : std::min(made_with, bytes)) / shrink);
    batch_bytes_ = before == 0 ? wanted : std::min(before, wanted);
    narrowed_at_ = now;
}

bool SizeLimits::knows(std::string_view topic, size_t bytes, Time now) const {
    auto known = topics_.find(topic);
    return known != topics_.end() && bytes >= known->second.bytes && now < known->second.learned_at + known_for;
}

} // namespace outbox
