#include "relay/command/status_view.h"

#include <gtest/gtest.h>

using namespace outbox;

namespace {

StatusView view_at(double seconds, double backlog) {
    StatusView view;
    view.slot = "outbox";
    view.database = "app";
    view.host = "\"db\", port 5432";
    view.extension = "1.1";
    view.timeline = 3;
    view.wal_status = "reserved";
    view.process = "42";
    view.relay_state = "streaming";
    view.lag_s = 0;
    view.backlog_bytes = backlog;
    view.at = std::chrono::duration<double>(seconds);
    return view;
}

} // namespace

TEST(StatusView, says_how_fast_a_backlog_falls_and_when_it_is_done) {
    Rates rates = rates_of(view_at(0, 100e6), view_at(2, 60e6), {});
    EXPECT_DOUBLE_EQ(*rates.backlog_bytes_per_s, 20e6);
    EXPECT_DOUBLE_EQ(*rates.done_in_s, 3);
    EXPECT_DOUBLE_EQ(rates.largest_backlog_bytes, 100e6);
    std::string screen = screen_of(view_at(2, 60e6), rates, 80, false);
    EXPECT_NE(screen.find("backlog    60.0 MB   falls by 20.0 MB/s   done in 3.0 s"), std::string::npos) << screen;
    EXPECT_NE(screen.find("[######################..................................]  40 %"), std::string::npos) << screen;
    EXPECT_EQ(screen_of(view_at(2, 60e6), rates, 0, false).find('['), std::string::npos);
}

TEST(StatusView, promises_no_end_where_the_backlog_does_not_fall) {
    Rates rates = rates_of(view_at(0, 10e6), view_at(2, 30e6), {});
    EXPECT_FALSE(rates.done_in_s);
    EXPECT_NE(screen_of(view_at(2, 30e6), rates, 80, false).find("does not fall"), std::string::npos);
    EXPECT_EQ(rates_of(view_at(2, 30e6), view_at(4, 0), rates).largest_backlog_bytes, 0) << "the next backlog begins anew";
}

TEST(StatusView, has_colours_only_where_it_is_told) {
    EXPECT_EQ(screen_of(view_at(0, 0), {}, 80, false).find('\033'), std::string::npos);
    EXPECT_NE(screen_of(view_at(0, 0), {}, 80, true).find("\033[32mstreaming\033[0m"), std::string::npos);
}

TEST(StatusView, has_the_unit_of_each_figure_in_its_name) {
    std::string json = json_of(view_at(0, 1234), {});
    EXPECT_NE(json.find("\"backlog_bytes\":1234,"), std::string::npos) << json;
    EXPECT_NE(json.find("\"lag_seconds\":0,"), std::string::npos) << json;
    EXPECT_NE(json.find("\"safe_wal_bytes\":null,"), std::string::npos) << json;
    EXPECT_NE(json.find("\"state\":\"streaming\","), std::string::npos) << json;
}

TEST(StatusView, says_when_the_slot_is_lost_or_the_disk_is_full) {
    StatusView before = view_at(0, 0), now = view_at(2, 0);
    before.retained_wal_bytes = 10e6;
    now.retained_wal_bytes = 30e6;
    EXPECT_FALSE(ends_in_s(now, rates_of(before, now, {}))) << "nobody knows how much room there is";
    now.disk_free_bytes = 36e9;
    EXPECT_NE(screen_of(now, rates_of(before, now, {}), 80, false).find("30.0 MB kept   disk full in: 60 min at this rate"),
              std::string::npos);
    now.safe_wal_bytes = 1e9;
    EXPECT_NE(screen_of(now, rates_of(before, now, {}), 80, false).find("slot lost in: 100.0 s at this rate"), std::string::npos);
    now.wal_grows_bytes_per_s = 0; // the relay's average over minutes
    EXPECT_NE(screen_of(now, rates_of(before, now, {}), 80, false).find("slot lost in: never at this rate"), std::string::npos);
    EXPECT_NE(json_of(now, rates_of(before, now, {})).find("\"slot_lost_in_seconds\":null,\"disk_full_in_seconds\":null,"),
              std::string::npos);
}

TEST(StatusView, shows_how_long_delivery_takes) {
    StatusView view = view_at(0, 0);
    view.events_delivered = 7;
    view.events_per_s = 3;
    view.last_delivery_s_ago = 0.2;
    view.commit_to_ack_p50_s = 0.0025;
    view.commit_to_ack_p99_s = 1.5;
    std::string screen = screen_of(view, {}, 80, false);
    EXPECT_NE(screen.find("delivered  7 events   3 events/s   the last 0.2 s ago   commit to Kafka p50 2.5 ms, p99 1.5 s\n"),
              std::string::npos)
        << screen;
}
