#include "relay/postgres/slot_watch.h"
#include "relay/watch/metrics.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

bool has(const Status &status, const std::string &line) {
    return ("\n" + metrics_text(status)).find("\noutbox_relay_" + line + "\n") != std::string::npos;
}

int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The values are in the order of SlotColumn.
constexpr SlotRow answer = {"f",        "241000000", "1000", "240999944", "17", "64000000", "1073741824",
                            "extended", "t",         "t",    nullptr,     "5",  "outbox"};

TEST(SlotWatch, what_is_not_known_is_no_metric) {
    Status status;
    EXPECT_EQ(metrics_text(status).find("slot_"), std::string::npos);
    EXPECT_TRUE(has(status, "lag_seconds 0"));
}

TEST(SlotWatch, the_server_s_answer_is_shown) {
    Status status;
    note_slot(status.slot, answer, now_ms());
    for (const char *line : {"slot_restart_lsn_bytes 1000", "slot_retained_wal_bytes 240999000", "slot_confirmed_lag_bytes 56",
                             "slot_catalog_xmin_age 17", "slot_safe_wal_bytes 64000000", "slot_wal_limit_bytes 1073741824", "slot_active 1",
                             "slot_failover_ready 1", "slot_oldest_xact_seconds 5", "slot_state{state=\"extended\"} 1",
                             "slot_state{state=\"reserved\"} 0", "slot_state{state=\"missing\"} 0"})
        EXPECT_TRUE(has(status, line)) << line << "\n" << metrics_text(status);
}

TEST(SlotWatch, an_answer_of_long_ago_is_no_metric) {
    Status status;
    note_slot(status.slot, answer, now_ms() - 61000);
    EXPECT_EQ(metrics_text(status).find("slot_active"), std::string::npos);
    EXPECT_NE(metrics_text(status).find("slot_seen_timestamp_seconds"), std::string::npos);
}

TEST(SlotWatch, a_value_that_the_server_does_not_have_is_no_metric) {
    Status status;
    note_slot(status.slot,
              {"f", "100", nullptr, "105", nullptr, nullptr, "-1", "of a later version", "f", nullptr, nullptr, nullptr, "outbox"},
              now_ms());
    EXPECT_TRUE(has(status, "slot_confirmed_lag_bytes 0"));
    EXPECT_TRUE(has(status, "slot_safe_wal_bytes -1")) << "unlimited";
    for (const char *name : {"restart_lsn", "slot_state", "slot_failover_ready", "slot_oldest_xact"})
        EXPECT_EQ(metrics_text(status).find(name), std::string::npos) << name;
}

TEST(SlotWatch, a_slot_that_is_not_there_is_missing) {
    Status status;
    note_slot(status.slot, {"f", "100", nullptr, nullptr, nullptr, nullptr, "-1", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr},
              now_ms());
    EXPECT_TRUE(has(status, "slot_state{state=\"missing\"} 1"));
    EXPECT_TRUE(has(status, "slot_active 0"));
    EXPECT_EQ(metrics_text(status).find("slot_safe_wal_bytes"), std::string::npos);
}

} // namespace
} // namespace outbox
