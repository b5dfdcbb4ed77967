// The server's functions that the extension's pure parts call, memory and StringInfo, in their simplest form, so that
// bench-count-extension is linked without a server. They take few instructions, and never change. The file does not include the server's
// headers, whose declarations differ between versions; names and arguments do not differ.
#include <cstdlib>
#include <cstring>

#include "test/bench/no-server.h"

namespace {

struct Text { // StringInfoData
    char *data;
    int size, room, cursor;
};

// An allocator that only moves forward.
alignas(16) char arena[1 << 20];
size_t used = 0;

size_t &size_of(void *memory) { return static_cast<size_t *>(memory)[-2]; }

void *take(size_t size) {
    char *memory = arena + used + 16;
    used += 16 + (size + 15) / 16 * 16;
    if (used > sizeof(arena))
        abort();
    size_of(memory) = size;
    return memory;
}

} // namespace

size_t no_server_mark() { return used; }
void no_server_release(size_t mark) { used = mark; }

extern "C" {

volatile int InterruptPending = 0;
void ProcessInterrupts() {}

void *palloc(size_t size) { return take(size); }
void *MemoryContextAlloc(void *, size_t size) { return take(size); }
void pfree(void *) {}
void *repalloc(void *old, size_t size) { return memcpy(take(size), old, size < size_of(old) ? size : size_of(old)); }

void enlargeStringInfo(Text *text, int needed) {
    if (text->size + needed < text->room)
        return;
    text->room = 2 * (text->size + needed + 1);
    text->data = static_cast<char *>(repalloc(text->data, static_cast<size_t>(text->room)));
}

void initStringInfo(Text *text) { *text = {static_cast<char *>(take(1024)), 0, 1024, 0}; }

void appendBinaryStringInfo(Text *text, const void *data, int size) {
    enlargeStringInfo(text, size);
    memcpy(text->data + text->size, data, static_cast<size_t>(size));
    text->size += size;
    text->data[text->size] = '\0';
}

void appendStringInfoString(Text *text, const char *data) { appendBinaryStringInfo(text, data, static_cast<int>(strlen(data))); }
void appendStringInfoChar(Text *text, char c) { appendBinaryStringInfo(text, &c, 1); }

void ExceptionalCondition() { abort(); } // called by a build with assertions
}
