#include "pgoutput_bytes.h"
#include "relay/core/pgoutput_dialect.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

namespace outbox {
namespace {

const std::string id = "01a20c11-09d4-7b9d-95a5-66f7b2170e7a";
std::string envelope(const std::string &topic = "orders", const std::string &payload = "1") {
    return R"({"topic":")" + topic + R"(","key":"42","id":")" + id + R"(","payload":)" + payload + "}";
}

class PgoutputDialectTest : public testing::Test {
protected:
    // Reads one CopyData message; the items' views refer to the copy that is kept here.
    std::vector<Item> read(const std::string &bytes) {
        kept_.push_back(std::make_unique<std::string>(bytes));
        std::string_view rest = *kept_.back();
        std::vector<Item> items;
        while (Item *item = dialect_.next(rest))
            items.push_back(*item);
        EXPECT_TRUE(rest.empty());
        return items;
    }
    std::string reason_for(const std::string &content) {
        auto items = read(message_bytes(content));
        auto *rejected = items.empty() ? nullptr : std::get_if<Rejected>(&items.back());
        return rejected == nullptr ? "" : std::string(rejected->reason);
    }

    std::vector<std::unique_ptr<std::string>> kept_;
    PgoutputDialect dialect_{"orders,pay*"};
};

TEST_F(PgoutputDialectTest, asks_for_messages_and_no_rows) {
    EXPECT_EQ(dialect_.options(), "proto_version '1', publication_names 'outbox', messages 'true'");
    EXPECT_FALSE(dialect_.asks_otherwise());
}

TEST_F(PgoutputDialectTest, begins_a_transaction_with_its_first_event) {
    EXPECT_TRUE(read(begin_bytes(0x100, 848742120123456)).empty());
    auto items = read(message_bytes(envelope()));
    ASSERT_EQ(items.size(), 2u);
    Begin begin = std::get<Begin>(items[0]);
    EXPECT_EQ(begin.commit, Lsn{0x101}) << "the start can be the end of the transaction before";
    EXPECT_EQ(begin.end, std::nullopt);
    EXPECT_EQ(begin.commit_time_ms, 1795426920123);
    Event event = std::get<Event>(items[1]);
    EXPECT_EQ(event.topic, "orders");
    EXPECT_EQ(event.key, "42");
    EXPECT_EQ(event.payload, "1");
    EXPECT_EQ(event.line, envelope());
    EXPECT_EQ(read(message_bytes(envelope())).size(), 1u);
    items = read(commit_bytes(0x100, 0x130));
    ASSERT_EQ(items.size(), 1u);
    EXPECT_EQ(std::get<Commit>(items[0]).end, Lsn{0x130});
    EXPECT_EQ(std::get<Commit>(items[0]).events, 2u);
}

TEST_F(PgoutputDialectTest, says_nothing_of_a_transaction_without_events) {
    EXPECT_TRUE(read(begin_bytes(0x100)).empty());
    EXPECT_TRUE(read(message_bytes(envelope("other"))).empty()) << "a topic that is not asked for";
    EXPECT_TRUE(read(message_bytes(envelope(), "outbox2")).empty());
    EXPECT_TRUE(read(message_bytes(envelope(), "")).empty());
    EXPECT_TRUE(read(message_bytes(envelope(), "outbox", false)).empty()) << "rolled back or not, it is there at once";
    EXPECT_TRUE(read(commit_bytes(0x100, 0x130)).empty());
}

TEST_F(PgoutputDialectTest, passes_over_what_a_publication_brings) {
    for (char kind : std::string("ORYIUDT")) {
        EXPECT_TRUE(read(kind + std::string("whatever")).empty());
        read(begin_bytes(0x100));
        EXPECT_TRUE(read(kind + std::string(100, '\xff')).empty());
        EXPECT_EQ(read(message_bytes(envelope())).size(), 2u);
        EXPECT_EQ(read(commit_bytes(0x100, 0x130)).size(), 1u);
    }
}

TEST_F(PgoutputDialectTest, counts_events_as_the_extensions_plugin_does) {
    read(begin_bytes(0x100));
    read(message_bytes(envelope("other")));
    read(message_bytes("forged"));
    read(message_bytes(envelope("payments")));
    read(message_bytes(envelope(), "outbox", false));
    EXPECT_EQ(std::get<Commit>(read(commit_bytes(0x100, 0x130)).at(0)).events, 1u);
}

TEST(PgoutputDialect, rejects_what_emit_has_not_written) {
    PgoutputDialect dialect("orders");
    auto read = [&](const std::string &bytes) {
        std::string_view rest = bytes;
        std::vector<Item> items;
        while (Item *item = dialect.next(rest))
            items.push_back(*item);
        return items;
    };
    read(begin_bytes(0x100));
    const std::string forged = message_bytes("hello", "outbox", true, 0x88), space = message_bytes(envelope("orders", " 1")),
                      other = message_bytes(R"({"topic":"nobody's"})");
    auto items = read(forged);
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(std::get<Begin>(items[0]).commit, Lsn{0x101});
    EXPECT_EQ(std::get<Rejected>(items[1]).lsn, Lsn{0x88});
    EXPECT_EQ(std::get<Rejected>(items[1]).reason, "not an envelope");
    EXPECT_EQ(std::get<Rejected>(read(space).at(0)).reason, "the payload has white space or escapes that emit does not write");
    EXPECT_EQ(std::get<Rejected>(read(other).at(0)).reason, "the topic's name is invalid") << "also where the topic is not asked for";
    EXPECT_EQ(std::get<Rejected>(read(message_bytes("")).at(0)).reason, "not an envelope");
    EXPECT_EQ(std::get<Commit>(read(commit_bytes(0x100, 0x130)).at(0)).events, 0u);
}

TEST_F(PgoutputDialectTest, takes_a_larger_head_where_the_database_allows_larger_events) {
    std::string large = R"({"topic":"orders","key":")" + std::string(1000000, 'k') + R"(","id":")" + id + R"(","payload":1})";
    read(begin_bytes(0x100));
    EXPECT_EQ(reason_for(large), "the key, type and headers are too large");
    dialect_ = PgoutputDialect("", parse_event_max("4MB"));
    read(begin_bytes(0x100));
    EXPECT_EQ(reason_for(large), "");
}

TEST(PgoutputDialect, knows_what_max_event_bytes_says) {
    EXPECT_EQ(parse_event_max("900kB"), 900u * 1024);
    EXPECT_EQ(parse_event_max("4MB"), 4u * 1024 * 1024);
    EXPECT_EQ(parse_event_max("1000"), 1000u);
    EXPECT_EQ(parse_event_max("1000 B"), 1000u);
    for (const char *text : {"", "x", "-1", "4GB", "65MB", "99999999999999999999", "18014398509481984kB", "1 k"})
        EXPECT_EQ(parse_event_max(text), 0u) << text;
}

TEST_F(PgoutputDialectTest, refuses_a_stream_in_which_something_is_missing) {
    EXPECT_THROW(read(message_bytes(envelope())), FormatError) << "no transaction";
    EXPECT_THROW(read(commit_bytes(0x100, 0x130)), FormatError);
    read(begin_bytes(0x100));
    EXPECT_THROW(read(begin_bytes(0x200)), FormatError);
    EXPECT_THROW(read(commit_bytes(0x108, 0x130)), FormatError) << "of another transaction";
    EXPECT_THROW(read(commit_bytes(0x100, 0x100)), FormatError);
    EXPECT_THROW(read("S"), FormatError) << "a transaction in progress, which was not asked for";
    EXPECT_THROW(read("M\2" + message_bytes(envelope()).substr(2)), FormatError);
    EXPECT_TRUE(read(commit_bytes(0x100, 0x130)).empty());
}

TEST_F(PgoutputDialectTest, refuses_every_message_that_is_cut_off_or_goes_on) {
    for (const std::string &whole : {begin_bytes(0x100), message_bytes(envelope()), commit_bytes(0x100, 0x130)}) {
        for (size_t size = 1; size < whole.size(); size++)
            EXPECT_THROW(read(whole.substr(0, size)), FormatError) << whole[0] << size;
        EXPECT_THROW(read(whole + "x"), FormatError);
        EXPECT_NO_THROW(read(whole));
    }
    EXPECT_TRUE(read("").empty());
}

TEST_F(PgoutputDialectTest, begins_anew_where_the_item_after_a_begin_was_not_fetched) {
    read(begin_bytes(0x100));
    std::string message = message_bytes(envelope()), commit = commit_bytes(0x100, 0x130);
    std::string_view rest = message;
    EXPECT_TRUE(std::holds_alternative<Begin>(*dialect_.next(rest)));
    EXPECT_EQ(read(commit).size(), 1u) << "no view into bytes that are gone";
}

} // namespace
} // namespace outbox
