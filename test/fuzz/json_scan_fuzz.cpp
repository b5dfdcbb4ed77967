// The JSON scanner: it accepts its own output again, and its output is never longer than the input, and does not get shorter again.
#include "outbox_ext/contract/json_scan.h"

#include <cstdlib>
#include <cstring>
#include <memory>

namespace {

void require(bool holds) {
    if (!holds)
        abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = reinterpret_cast<const char *>(data);
    std::unique_ptr<char[]> once(new char[size]), twice(new char[size]); // exact sizes, so that the sanitizer finds an access beyond them
    size_t once_size = 0, twice_size = 0;
    bool valid = json_scan(text, size, once.get(), &once_size);
    require(json_scan(text, size) == valid);
    require(valid || !json_is_compact(text, size));
    if (!valid)
        return 0;
    require(once_size <= size);
    require(json_scan(once.get(), once_size, twice.get(), &twice_size));
    require(twice_size == once_size && memcmp(once.get(), twice.get(), once_size) == 0);
    require(json_is_compact(once.get(), once_size));
    require(!json_is_compact(text, size) || once_size == size);
    return 0;
}
