#include "watch/families.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

namespace outbox {

// Leaves out a family without a sample, whose HELP alone would say nothing.
std::string Families::text() const {
    std::vector<prometheus::MetricFamily> families = families_;
    std::erase_if(families, [](const prometheus::MetricFamily &family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families);
}

} // namespace outbox
