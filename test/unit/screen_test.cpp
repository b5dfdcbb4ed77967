#include "relay/watch/page.h"
#include "relay/watch/status_json.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

TEST(Screen, has_units_that_people_read) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(16777216), "16.8 MB");
    EXPECT_EQ(count_text(7), "7");
    EXPECT_EQ(count_text(1240), "1,240");
    EXPECT_EQ(count_text(1234567), "1,234,567");
    EXPECT_EQ(seconds_text(0), "0.0 s");
    EXPECT_EQ(seconds_text(0.0004), "0.4 ms");
    EXPECT_EQ(seconds_text(86400), "24.0 h");
}

TEST(Screen, says_what_to_do_in_each_state) {
    Status status;
    Samples samples;
    status.state = RelayState::streaming;
    EXPECT_EQ(screen_of(status, samples).advice, "");
    EXPECT_TRUE(screen_of(status, samples).is_good);
    status.missing_since_ms = now_ms() - 60000;
    EXPECT_EQ(screen_of(status, samples).word, "catching up");
    for (RelayState state : relay_states) {
        status.state = state;
        EXPECT_NE(screen_of(status, samples).advice, "") << name_of(state);
    }
}

TEST(Screen, of_a_lost_slot_says_so_whatever_the_state) {
    Status status;
    status.slot.state = 3;
    status.slot.seen_at_ms = now_ms();
    EXPECT_NE(screen_of(status, Samples()).advice.find("lost"), std::string::npos);
    EXPECT_FALSE(checks_of(status)[3].is_good);
}

TEST(Page, escapes_what_comes_from_outside) {
    Status status;
    status.about = {"s<script>", "\"'&", "once", "*"};
    status.waiting_for.set("topic \"<img src=x onerror=alert(1)>\"");
    status.state = RelayState::waiting_for_kafka;
    std::string text = page(status, Samples(), {{std::chrono::system_clock::now(), true, "</ul><script>x\x01</script>", 1}});
    EXPECT_EQ(text.find("<script"), std::string::npos);
    EXPECT_EQ(text.find("<img"), std::string::npos);
    EXPECT_EQ(text.find('\x01'), std::string::npos);
    EXPECT_NE(text.find("&lt;/ul&gt;&lt;script&gt;x"), std::string::npos);
    EXPECT_NE(page_policy().find("style-src 'sha256-"), std::string::npos);
}

TEST(StatusJson, has_null_for_what_is_not_known) {
    Status status;
    std::string text = status_json(status, Samples(), {});
    EXPECT_NE(text.find("\"retained_wal_bytes\":null"), std::string::npos) << text;
    EXPECT_NE(text.find("\"state\":\"connecting\",\"ready\":false"), std::string::npos) << text;
}

} // namespace
} // namespace outbox
