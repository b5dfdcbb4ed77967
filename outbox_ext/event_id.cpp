#include "event_id.h"

#include "event_clock.h"

#include <ctime>

static int64 next_time_ns() {
    static EventClock clock; // one clock for each backend

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock.next(static_cast<int64>(now.tv_sec) * 1000 * ns_per_ms + now.tv_nsec);
}

// Fetches random bytes for 64 events at a time: pg_strong_random() for each event would be a third of emit's cost. Ids are no secrets, so
// the bytes of the next ones may lie in this backend's memory.
static void copy_random(unsigned char *to, size_t size) {
    static unsigned char pool[512];
    static size_t left = 0; // at the end of the pool

    if (left < size) {
        if (!pg_strong_random(pool, sizeof(pool)))
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
        left = sizeof(pool);
    }
    memcpy(to, pool + sizeof(pool) - left, size);
    left -= size;
}

void event_id_generate(pg_uuid_t *id) {
    copy_random(id->data + 8, UUID_LEN - 8);

    int64 time_ns = next_time_ns();
    uint64 ms = event_time_ms(time_ns);
    uint32 fraction = event_time_fraction(time_ns);
    for (int i = 0; i < 6; i++)
        id->data[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
    id->data[6] = static_cast<unsigned char>(0x70 | (fraction >> 8)); // version 7
    id->data[7] = static_cast<unsigned char>(fraction);
    id->data[8] = static_cast<unsigned char>(0x80 | (id->data[8] & 0x3f)); // variant 10
}
