// The plugin's guard, without the server's headers: null where a message is let through.
#pragma once

#include <cstddef>

const char *guard_rejects(const char *message, size_t size);
