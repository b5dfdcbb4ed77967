// A piece of UTF-8, not terminated, whose maker owns the memory. `data` is null where there is no text at all, which is not the empty text.
#pragma once

#include <cstddef>

struct Text {
    const char *data;
    size_t size;
};
