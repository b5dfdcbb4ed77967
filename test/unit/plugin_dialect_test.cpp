#include "relay/core/plugin_dialect.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Line, is_told_apart_by_its_first_member) {
    EXPECT_EQ(kind_of(R"({"topic":"orders","id":"x"})"), LineKind::envelope);
    EXPECT_EQ(kind_of(R"({"begin":"0/1","xid":7,"ts":"x"})"), LineKind::begin);
    EXPECT_EQ(kind_of(R"({"commit":"0/1","events":0})"), LineKind::commit);
    EXPECT_EQ(kind_of(R"({"rejected":"0/1","reason":"x"})"), LineKind::rejected);
    EXPECT_EQ(kind_of(R"({"ahead":true})"), LineKind::ahead);
    for (const char *line : {"", "{}", "hello", R"({"topics":"x"})", R"( {"topic":"x"})"})
        EXPECT_THROW(kind_of(line), FormatError) << line;
}

TEST(Begin, has_position_and_time) {
    Begin begin = parse_begin(R"({"begin":"0/16B3748","xid":742,"ts":"2026-11-23T09:42:00.123456Z"})");
    EXPECT_EQ(begin.commit, Lsn{0x16B3748});
    EXPECT_EQ(begin.commit_time_ms, 1795426920123);
    EXPECT_EQ(parse_begin(R"({"begin":"0/1","xid":1,"ts":"1969-12-31T23:59:59.999999Z"})").commit_time_ms, -1);
    EXPECT_EQ(parse_begin(R"({"begin":"0/1","xid":1,"ts":"2024-02-29T00:00:00.000000Z"})").commit_time_ms, 1709164800000);
}

TEST(Begin, of_another_form_is_an_error) {
    for (const char *line :
         {R"({"begin":"x","xid":742,"ts":"2026-11-23T09:42:00.123456Z"})", R"({"begin":"0/1","ts":"2026-11-23T09:42:00.123456Z"})",
          R"({"begin":"0/1","xid":742,"ts":"2026-11-23"})", R"({"begin":"0/1","xid":742,"ts":"2026-11-23T09:42:00.12x456Z"})",
          R"({"begin":"0/1","xid":742,"ts":"2026-11-23T09:42:00.123456Z"})"
          "x"})
        EXPECT_THROW(parse_begin(line), FormatError) << line;
}

TEST(Commit, has_position_and_count) {
    Commit commit = parse_commit(R"({"commit":"1/A","events":1000000})");
    EXPECT_EQ(commit.end, Lsn{0x10000000A});
    EXPECT_EQ(commit.events, 1000000u);
    EXPECT_THROW(parse_commit(R"({"commit":"1/A","events":})"), FormatError);
    EXPECT_THROW(parse_commit(R"({"commit":"1/A","events":1)"), FormatError);
}

TEST(Rejected, has_position_and_reason) {
    Rejected rejected = parse_rejected(R"({"rejected":"0/16B3748","reason":"not an envelope"})");
    EXPECT_EQ(rejected.lsn, Lsn{0x16B3748});
    EXPECT_EQ(rejected.reason, "not an envelope");
}

TEST(Ahead, is_true_or_false) {
    EXPECT_TRUE(parse_ahead(R"({"ahead":true})").is_ahead);
    EXPECT_FALSE(parse_ahead(R"({"ahead":false})").is_ahead);
    for (const char *line : {R"({"ahead":1})", R"({"ahead":true)", R"({"ahead":truefalse})", R"({"ahead":true}x)", R"({"ahead":})"})
        EXPECT_THROW(parse_ahead(line), FormatError) << line;
}

TEST(PluginDialect, makes_an_item_of_each_line) {
    PluginDialect dialect;
    std::string_view bytes = "{\"begin\":\"0/100\",\"xid\":7,\"ts\":\"2026-11-23T09:42:00.123456Z\"}\n{\"topic\":\"t\",\"id\":\"a\"}\n"
                             "{\"rejected\":\"0/80\",\"reason\":\"x\"}\n{\"commit\":\"0/100\",\"events\":1}\n{\"ahead\":true}";
    auto next = [&] { return *dialect.next(bytes); };
    Item begin = next(), event = next(), rejected = next(), commit = next(), ahead = next();
    EXPECT_EQ(std::get<Begin>(begin).commit, Lsn{0x100});
    EXPECT_EQ(std::get<Begin>(begin).end, Lsn{0x100}) << "the plugin names a transaction by the end of its commit record";
    EXPECT_EQ(std::get<Event>(event).topic, "t");
    EXPECT_EQ(std::get<Rejected>(rejected).reason, "x");
    EXPECT_EQ(std::get<Commit>(commit).events, 1u);
    EXPECT_TRUE(std::get<Ahead>(ahead).is_ahead);
    EXPECT_TRUE(bytes.empty());
    EXPECT_EQ(dialect.next(bytes), nullptr);
}

TEST(PluginDialect, an_event_has_nothing_of_the_one_before) {
    PluginDialect dialect;
    std::string_view bytes = "{\"topic\":\"t\",\"key\":\"k\",\"id\":\"a\",\"type\":\"y\",\"payload\":1}\n{\"topic\":\"t\",\"id\":\"b\"}";
    EXPECT_EQ(std::get<Event>(*dialect.next(bytes)).key, "k");
    Event second = std::get<Event>(*dialect.next(bytes));
    EXPECT_EQ(second.key, std::nullopt);
    EXPECT_TRUE(second.type.empty());
    EXPECT_EQ(second.payload_kind, PayloadKind::none);
}

TEST(PluginDialect, asks_the_plugin_of_1_0_in_the_words_it_knows) {
    PluginDialect dialect("orders,pay*");
    EXPECT_EQ(dialect.options(), "version '1', gather 'ahead', batch_bytes '65536', topics 'orders,pay*'");
    EXPECT_TRUE(dialect.asks_otherwise());
    EXPECT_EQ(dialect.options(), "version '1', gather 'on', batch_bytes '65536', topics 'orders,pay*'");
    EXPECT_FALSE(dialect.asks_otherwise());
    EXPECT_EQ(PluginDialect().options(), "version '1', gather 'ahead', batch_bytes '65536'");
}

} // namespace
} // namespace outbox
