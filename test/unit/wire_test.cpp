#include "relay/core/wire.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(Lsn, is_read_in_hex_whatever_the_padding) {
    EXPECT_EQ(parse_lsn("0/16B3748"), Lsn{0x16B3748});
    EXPECT_EQ(parse_lsn("0/016B3748"), Lsn{0x16B3748}); // PostgreSQL 19
    EXPECT_EQ(parse_lsn("a/1"), Lsn{0xA00000001});
    EXPECT_EQ(parse_lsn("FFFFFFFF/FFFFFFFF"), Lsn{UINT64_MAX});
}

TEST(Lsn, is_refused_where_it_is_none) {
    for (const char *text :
         {"", "/", "0", "0/", "/0", "0/16B3748 ", " 0/1", "0x1/0", "0/1/2", "123456789/0", "0/123456789", "-1/0", "+1/0"})
        EXPECT_EQ(parse_lsn(text), std::nullopt) << text;
}

TEST(Lsn, is_written_as_before_19) {
    EXPECT_EQ(format_lsn(Lsn{0x16B3748}), "0/16B3748");
    EXPECT_EQ(format_lsn(Lsn{UINT64_MAX}), "FFFFFFFF/FFFFFFFF");
}

TEST(Lsn, is_compared_as_an_unsigned_number) {
    EXPECT_LT(*parse_lsn("9/FFFFFFFF"), *parse_lsn("10/0")); // as text the order would be the opposite
    EXPECT_LT(*parse_lsn("7FFFFFFF/FFFFFFFF"), *parse_lsn("80000000/0"));
}

std::string keepalive(const char *wal_end, char reply) {
    return "k" + std::string(wal_end, 8) + std::string(8, '\x55') + std::string(1, reply);
}

TEST(Keepalive, says_how_far_the_server_is) {
    auto parsed = parse_keepalive(keepalive("\0\0\0\1\xF0\0\0\2", 0));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->wal_end, Lsn{0x1F0000002});
    EXPECT_FALSE(parsed->reply_requested);
    EXPECT_TRUE(parse_keepalive(keepalive("\0\0\0\0\0\0\0\0", 1))->reply_requested);
}

TEST(Keepalive, of_another_form_is_none) {
    std::string message = keepalive("\0\0\0\0\0\0\0\1", 0);
    EXPECT_FALSE(parse_keepalive(message.substr(0, 17)));
    EXPECT_FALSE(parse_keepalive(message + "x"));
    EXPECT_FALSE(parse_keepalive("w" + message.substr(1)));
    EXPECT_FALSE(parse_keepalive(""));
}

TEST(StatusUpdate, confirms_one_position_three_times) {
    StatusUpdate update = make_status_update(Lsn{0x0102030405060708}, 0x1112131415161718);
    std::string lsn = "\1\2\3\4\5\6\7\x08", expected = "r" + lsn + lsn + lsn + "\x11\x12\x13\x14\x15\x16\x17\x18";
    expected += '\0';
    EXPECT_EQ(std::string(update.data(), update.size()), expected);
    expected.back() = '\1';
    update = make_status_update(Lsn{0x0102030405060708}, 0x1112131415161718, true);
    EXPECT_EQ(std::string(update.data(), update.size()), expected) << "requests a reply";
}

} // namespace
} // namespace outbox
