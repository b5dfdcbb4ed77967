#include "relay/postgres/slot_watch.h"
#include "relay/watch/metrics.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

bool has(const Status &status, const std::string &line) {
    return ("\n" + metrics_text(status)).find("\noutbox_relay_" + line + "\n") != std::string::npos;
}

TEST(SlotWatch, what_is_not_known_is_no_metric) {
    Status status;
    EXPECT_EQ(metrics_text(status).find("slot_"), std::string::npos);
    EXPECT_EQ(metrics_text(status).find("safe_wal_size"), std::string::npos);
    EXPECT_TRUE(has(status, "oldest_unconfirmed_seconds 0"));
}

TEST(SlotWatch, the_server_s_answer_is_shown) {
    Status status;
    note_slot(status, {"1000", "240000000", "56", "17", "64000000", "extended"});
    for (const char *line :
         {"restart_lsn_bytes 1000", "slot_retained_bytes 240000000", "slot_behind_bytes 56", "catalog_xmin_age 17",
          "safe_wal_size_bytes 64000000", "slot_wal_status{status=\"extended\"} 1", "slot_wal_status{status=\"reserved\"} 0"})
        EXPECT_TRUE(has(status, line)) << line << "\n" << metrics_text(status);
    EXPECT_GT(status.slot_seen_at_s, 1000000000);
}

TEST(SlotWatch, a_value_that_the_server_does_not_have_is_no_metric) {
    Status status;
    note_slot(status, {nullptr, nullptr, "-5", nullptr, nullptr, "of a later version"});
    EXPECT_TRUE(has(status, "slot_behind_bytes 0"));
    EXPECT_EQ(metrics_text(status).find("restart_lsn"), std::string::npos);
    EXPECT_EQ(metrics_text(status).find("slot_wal_status"), std::string::npos);
}

} // namespace
} // namespace outbox
