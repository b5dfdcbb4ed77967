#include "command/doctor/finding.h"

namespace outbox {

const char *word_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok: return "OK";
    case Verdict::skip: return "SKIP";
    case Verdict::warn: return "WARN";
    default: return "FAIL";
    }
}

std::string bytes_text(double bytes) {
    constexpr const char *units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < std::size(units); unit++)
        bytes /= 1000;
    std::string text = std::to_string(bytes);
    size_t point = text.find('.');
    return text.substr(0, unit == 0 || bytes >= 100 ? point : point + 2) + " " + units[unit];
}

} // namespace outbox
