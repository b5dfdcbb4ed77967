// Releases the memory since a mark, as the reset of a memory context does in a server.
#pragma once

#include <cstddef>

size_t no_server_mark();
void no_server_release(size_t mark);
