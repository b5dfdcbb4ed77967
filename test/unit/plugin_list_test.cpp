#include "relay/postgres/plugin_list.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

using Names = std::vector<std::string>;

TEST(PluginList, is_split_as_the_server_splits_it) {
    EXPECT_EQ(split_identifiers(""), Names{});
    EXPECT_EQ(split_identifiers(" \t"), Names{});
    EXPECT_EQ(split_identifiers("pgoutput,test_decoding , outbox "), (Names{"pgoutput", "test_decoding", "outbox"}));
    EXPECT_EQ(split_identifiers("PgOutput, \"Mine\""), (Names{"pgoutput", "Mine"}));
    EXPECT_EQ(split_identifiers(R"("a""b", "c,d")"), (Names{"a\"b", "c,d"}));
    EXPECT_EQ(split_identifiers(R"("", x)"), (Names{"", "x"}));
}

TEST(PluginList, is_no_list_where_the_server_finds_none) {
    for (const char *text : {",", "a,", "a,,b", "a b", "\"a", "\"a\"b", "a, \"", "\"a\"\"", ", a"})
        EXPECT_FALSE(split_identifiers(text)) << text;
}

TEST(PluginList, has_names_of_63_bytes_and_whole_characters) {
    std::string x(80, 'x');
    EXPECT_EQ(split_identifiers(x), Names{x.substr(0, 63)});
    EXPECT_EQ(split_identifiers("\"" + x.substr(0, 62) + "\xC3\xA4\""), Names{x.substr(0, 62)});
}

TEST(PluginList, allows_what_it_names) {
    PluginList list = parse_plugin_list("pgoutput, \"outbox\"");
    EXPECT_TRUE(list.allows("outbox"));
    EXPECT_FALSE(list.allows("output"));
    EXPECT_FALSE(list.allows("Outbox"));
    EXPECT_FALSE(list.is_misquoted);
    EXPECT_FALSE(parse_plugin_list("\"Outbox\"").allows("outbox"));
    EXPECT_FALSE(parse_plugin_list("").allows("outbox"));
    EXPECT_FALSE(parse_plugin_list("\"\"").allows(""
                                                  "outbox"));
}

TEST(PluginList, means_what_was_quoted_as_one_name_and_does_not_say_so) {
    for (const char *text :
         {R"("pgoutput, test_decoding, outbox")", R"("pgoutput,test_decoding", outbox)", R"(pgoutput, "test_decoding, outbox")",
          R"("pgoutput, ""test_decoding"", outbox")", R"(pgoutput, "test_decoding, outbox)", "pgoutput,, test_decoding, outbox,"}) {
        PluginList list = parse_plugin_list(text);
        EXPECT_TRUE(list.is_misquoted) << text;
        EXPECT_FALSE(list.allows("outbox")) << text;
        EXPECT_EQ(list.names, (Names{"pgoutput", "test_decoding", "outbox"})) << text;
    }
}

} // namespace
} // namespace outbox
