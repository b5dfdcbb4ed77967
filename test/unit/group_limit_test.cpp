// How smaller batches find the refused records among all others.
#include "relay/core/group_limit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace outbox {
namespace {

// A broker that refuses a batch if one of its records is guilty, and does not name the record; batches are as large as the limit.
struct Search {
    size_t refused_batches = 0, written = 0, found = 0;

    void run(size_t records, size_t every) {
        GroupLimit groups;
        for (size_t next = 0; next < records;) {
            size_t size = std::min({groups.limit(), records - next, size_t{1000}});
            size_t to_guilty = every - 1 - next % every;
            if (to_guilty >= size) {
                groups.accepted(size);
                written += size;
                next += size;
            } else if (size == 1) {
                groups.found();
                refused_batches++;
                found++;
                next++;
            } else {
                groups.refused(size);
                refused_batches++;
            }
        }
    }
};

TEST(GroupLimit, finds_the_guilty_in_few_steps_and_writes_the_innocent_once) {
    for (size_t every : {1, 2, 10, 100, 1000, 100000}) {
        SCOPED_TRACE(every);
        Search search;
        search.run(100000, every);
        EXPECT_EQ(search.found, 100000 / every);
        EXPECT_EQ(search.written, 100000 - search.found);
        EXPECT_LE(search.refused_batches, search.found * 30 + 1);
    }
}

} // namespace
} // namespace outbox
