// Memory since a mark, released: what a memory context's reset does in a server.
#pragma once

#include <cstddef>

size_t no_server_mark();
void no_server_release(size_t mark);
