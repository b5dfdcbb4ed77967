#include "command/doctor/versions.h"

#include <fmt/format.h>

namespace outbox {
namespace {

// The first minor version of each major in which a slot's confirmed position cannot go back, and a shutdown does not wait for ever for a
// walsender.
constexpr int mended[] = {140023, 150018, 160014, 170010, 180004};
constexpr int oldest_major = 14, newest_major = 19;

} // namespace

std::string server_version_text(int version) { return fmt::format("{}.{}", version / 10000, version % 10000); }

std::string server_version_hole(int version) {
    int major = version / 10000;
    if (major < oldest_major || major > newest_major)
        return fmt::format("is not one of the majors that outbox is tested with, {} to {}", oldest_major, newest_major);
    for (int first : mended)
        if (first / 10000 == major && version < first)
            return "can take a slot's confirmed position back, and can wait for ever for a relay when it shuts down; " +
                   server_version_text(first) + " mends both";
    return "";
}

} // namespace outbox
