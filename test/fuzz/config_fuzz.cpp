// The text of a file of settings: any text is accepted, or refused in one printable line that repeats no value.
#include "relay/config/file.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace outbox;
    ConfigFile file = parse_config({reinterpret_cast<const char *>(data), size}, "f");
    if (file.problem.find('\n') != std::string::npos)
        abort();
    for (const Given &given : file.given)
        if (!given.origin.starts_with("f:") || !check_text(*given.setting, given.text).empty())
            abort();
    Effective effective;
    effective.take(file.given);
    effective.take_kafka(file.kafka);
    (void)effective.values();
    return 0;
}
