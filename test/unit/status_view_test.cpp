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

TEST(StatusView, reads_a_metric_by_its_whole_name) {
    std::string_view text = "# HELP a_b x\na_b_more 1\na_b{state=\"x\"} 2\na_b 3.5\n";
    EXPECT_EQ(metric_of(text, "a_b"), 3.5);
    EXPECT_EQ(metric_of(text, "a_b{state=\"x\"}"), 2);
    EXPECT_FALSE(metric_of(text, "a"));
}
