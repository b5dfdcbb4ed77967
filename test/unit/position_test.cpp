#include "relay/core/position.h"

#include <gtest/gtest.h>

namespace outbox {
namespace {

Source source_at(uint64_t confirmed, uint32_t timeline = 1, std::vector<TimelineEnd> history = {}) {
    return {"7300000000000000001", "app", "outbox", "", timeline, std::move(history), Lsn{0x10000}, Lsn{confirmed}};
}

State state_at(uint64_t end, uint32_t timeline = 1) { return {{Lsn{end}, 0, true}, Lsn{end}, timeline, ""}; }

TEST(Position, covers_what_is_before_it_and_of_an_incomplete_transaction_what_it_counts) {
    Position complete{Lsn{0x100}, 0, true}, partial{Lsn{0x100}, 2, false};
    EXPECT_TRUE(complete.covers(Lsn{0xFF}, 9));
    EXPECT_TRUE(complete.covers(Lsn{0x100}, 9));
    EXPECT_FALSE(complete.covers(Lsn{0x101}, 1));
    EXPECT_TRUE(partial.covers(Lsn{0xFF}, 9));
    EXPECT_TRUE(partial.covers(Lsn{0x100}, 2));
    EXPECT_FALSE(partial.covers(Lsn{0x100}, 3));
    EXPECT_FALSE(partial.covers(Lsn{0x101}, 1));
    EXPECT_TRUE(partial.covers(partial));
    EXPECT_TRUE(complete.covers(partial));
    EXPECT_FALSE(partial.covers(complete));
    EXPECT_FALSE(partial.covers({Lsn{0x100}, 3, false}));
}

TEST(Position, survives_its_record) {
    State state{{Lsn{0xFFFFFFFF00000001}, 18446744073709551615u, false}, Lsn{0xFF}, 4294967295u, "orders,a.*"};
    std::optional<State> read = parse_state(format_state(state));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->position.end, state.position.end);
    EXPECT_EQ(read->position.ordinal, state.position.ordinal);
    EXPECT_FALSE(read->position.complete);
    EXPECT_EQ(read->events, state.events);
    EXPECT_EQ(read->timeline, state.timeline);
    EXPECT_EQ(read->topics, state.topics);
}

TEST(Position, takes_nothing_else_for_a_record) {
    for (const char *text : {"", "{}", "[]", "null", R"({"v":1})",
                             R"({"v":2,"lsn":"0/1","ordinal":0,"complete":true,"events":"0/1","timeline":1,"topics":""})",
                             R"({"v":1,"lsn":"1","ordinal":0,"complete":true,"events":"0/1","timeline":1,"topics":""})",
                             R"({"v":1,"lsn":"0/1","ordinal":-1,"complete":true,"events":"0/1","timeline":1,"topics":""})",
                             R"({"v":1,"lsn":"0/1","ordinal":0,"complete":1,"events":"0/1","timeline":1,"topics":""})",
                             R"({"v":1,"lsn":"0/1","ordinal":0,"complete":true,"events":"0/1","timeline":1,"topics":""} x)"})
        EXPECT_FALSE(parse_state(text)) << text;
}

// Two relays of a slot, wherever they run, have one id, so that the later one fences the other; those of other slots are left alone.
TEST(TransactionalId, is_that_of_the_slot_whoever_delivers) {
    Source source = source_at(0x100), later = source_at(0x200, 2);
    later.topics = "orders";
    EXPECT_EQ(transactional_id(source), "outbox-7300000000000000001-outbox");
    EXPECT_EQ(transactional_id(later), transactional_id(source));
    Source other_slot = source, other_server = source;
    other_slot.slot = "audit";
    other_server.system_identifier = "7300000000000000002";
    EXPECT_NE(transactional_id(other_slot), transactional_id(source));
    EXPECT_NE(transactional_id(other_server), transactional_id(source));
}

class Resume : public testing::Test {
protected:
    Position resume_at(const std::optional<State> &state, const Source &source) { return resume(state, source); }
    std::string refusal(const std::optional<State> &state, const Source &source) {
        try {
            resume_at(state, source);
        } catch (const PositionRefused &refused) {
            return refused.what();
        }
        return "";
    }
};

TEST_F(Resume, goes_on_at_the_state_when_the_slot_is_there_or_behind) {
    EXPECT_EQ(resume_at(state_at(0x200), source_at(0x200)).end, Lsn{0x200});
    EXPECT_EQ(resume_at(state_at(0x200), source_at(0x100)).end, Lsn{0x200});
}

TEST_F(Resume, refuses_a_missing_state) { EXPECT_NE(refusal(std::nullopt, source_at(0x100)).find("--reset-state"), std::string::npos); }

TEST_F(Resume, ends_with_the_command_that_goes_on) {
    Source source = source_at(0x100);
    source.reset_command = "outbox-relay setup --dsn 'dbname=app' --reset-state";
    std::string said = refusal(std::nullopt, source);
    EXPECT_TRUE(said.ends_with(": " + source.reset_command)) << said;
    EXPECT_NE(said.find("pg_upgrade"), std::string::npos) << said;
}

TEST_F(Resume, refuses_a_state_behind_the_slot) {
    EXPECT_NE(refusal(state_at(0x1FF), source_at(0x200)).find("may be missing"), std::string::npos);
    State partial{{Lsn{0x200}, 1, false}, Lsn{0x200}, 1, ""};
    EXPECT_NE(refusal(partial, source_at(0x200)), "") << "the rest of the transaction is confirmed";
    EXPECT_EQ(refusal(partial, source_at(0x1FF)), "");
}

TEST_F(Resume, refuses_a_server_whose_wal_does_not_reach_the_state) { EXPECT_NE(refusal(state_at(0x10001), source_at(0x100)), ""); }

// The relay delivered what this server has written since, and ended afterwards.
TEST_F(Resume, goes_on_after_a_relay_that_had_the_slot_when_the_server_was_asked) {
    Source source = source_at(0x100);
    source.was_held = true;
    EXPECT_EQ(resume_at(state_at(0x10001), source).end, Lsn{0x10001});
    EXPECT_NE(refusal(state_at(0xFF), source), "") << "a gap is one all the same";
}

TEST_F(Resume, refuses_other_topics) {
    Source source = source_at(0x100);
    source.topics = "orders";
    EXPECT_NE(refusal(state_at(0x200), source), "");
}

TEST_F(Resume, goes_on_after_a_failover_that_lost_nothing) {
    EXPECT_EQ(resume_at(state_at(0x200, 1), source_at(0x100, 2, {{1, Lsn{0x200}}})).end, Lsn{0x200});
    EXPECT_EQ(resume_at(state_at(0x200, 1), source_at(0x100, 3, {{1, Lsn{0x300}}, {2, Lsn{0x400}}})).end, Lsn{0x200});
}

// The new primary uses the same LSNs for other transactions, of which none counts as delivered.
TEST_F(Resume, refuses_a_failover_that_lost_what_consumers_have_seen_until_an_operator_accepts_it) {
    State partial{{Lsn{0x300}, 7, false}, Lsn{0x300}, 1, ""};
    Source source = source_at(0x100, 2, {{1, Lsn{0x200}}});
    EXPECT_NE(refusal(partial, source).find("0/200"), std::string::npos);
    Position position = reset(partial, source);
    EXPECT_EQ(position.end, Lsn{0x200}) << "what both have in common was delivered";
    EXPECT_TRUE(position.complete);
}

TEST_F(Resume, goes_on_where_the_server_left_the_timeline_when_no_event_lies_beyond) {
    State idle{{Lsn{0x300}, 0, true}, Lsn{0x200}, 1, ""};
    EXPECT_EQ(resume_at(idle, source_at(0x100, 2, {{1, Lsn{0x200}}})).end, Lsn{0x200});
    EXPECT_NE(refusal(idle, source_at(0x100, 2, {{1, Lsn{0x1FF}}})), "");
}

TEST(Reset, goes_on_where_the_slot_stands) {
    EXPECT_EQ(reset(std::nullopt, source_at(0x100)).end, Lsn{0x100});
    EXPECT_EQ(reset(state_at(0x200), source_at(0x100)).end, Lsn{0x100});
    EXPECT_EQ(reset(state_at(0x50), source_at(0x100)).end, Lsn{0x100});
    EXPECT_EQ(reset(state_at(0x200), source_at(0x180, 2, {{1, Lsn{0x150}}})).end, Lsn{0x180}) << "never behind the slot";
}

TEST_F(Resume, refuses_an_old_primary_and_a_foreign_history) {
    EXPECT_NE(refusal(state_at(0x200, 2), source_at(0x100, 1)), "");
    EXPECT_NE(refusal(state_at(0x200, 2), source_at(0x100, 3, {{1, Lsn{0x200}}})), "");
    EXPECT_NE(refusal(state_at(0x200, 1), source_at(0x100, 2)), "") << "the history is lost";
}

TEST(TimelineHistory, is_read_as_the_server_writes_it) {
    auto history = parse_timeline_history("1\t0/3000148\tno recovery target specified\n\n# comment\n2\tA/5000000\tx\n3\tnonsense\ty\n");
    ASSERT_EQ(history.size(), 2u);
    EXPECT_EQ(history[0].id, 1u);
    EXPECT_EQ(history[0].end, Lsn{0x3000148});
    EXPECT_EQ(history[1].end, (Lsn{0xA05000000}));
    EXPECT_TRUE(parse_timeline_history("").empty());
}

TEST(State, a_deeply_nested_record_is_none) {
    for (const char *open : {"[", "{\"v\":", "[{\"a\":["}) {
        std::string text;
        for (int i = 0; i < 1'000'000; i++)
            text += open;
        EXPECT_FALSE(parse_state(text));
    }
}

} // namespace
} // namespace outbox
