// How far exactly-once delivery has come.
#include "relay/core/ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace outbox {
namespace {

constexpr Lsn slot{100}, first{200}, second{300}, third{400};

Ledger resumed(const Position &found) {
    Ledger ledger;
    ledger.resume(found, found.end, slot);
    return ledger;
}

TEST(Ledger, confirms_nothing_before_the_position_is_read) {
    Ledger ledger;
    ledger.delivered(first);
    EXPECT_EQ(ledger.confirmable(), Lsn{});
    EXPECT_THROW(ledger.acknowledged({first, 1, true}, first, true), std::logic_error);
}

TEST(Ledger, confirms_what_is_acknowledged_and_shown_and_delivered) {
    Ledger ledger = resumed({slot, 0, true});
    ledger.acknowledged({first, 2, true}, first, true);
    ledger.delivered(first);
    EXPECT_EQ(ledger.confirmable(), slot) << "nobody can see it";
    EXPECT_FALSE(ledger.shown({slot, 0, true})) << "that is the position before";
    EXPECT_TRUE(ledger.shown({first, 2, true}));
    EXPECT_EQ(ledger.confirmable(), first);
    ledger.acknowledged({second, 1, true}, second, true);
    EXPECT_TRUE(ledger.shown({second, 1, true}));
    EXPECT_EQ(ledger.confirmable(), first) << "the stream has more up to there";
}

TEST(Ledger, confirms_no_transaction_of_which_a_part_is_missing) {
    Ledger ledger = resumed({slot, 0, true});
    ledger.delivered(third);
    ledger.acknowledged({second, 2, false}, first, true);
    EXPECT_TRUE(ledger.shown({second, 2, false}));
    EXPECT_EQ(ledger.confirmable(), first);
    EXPECT_TRUE(ledger.covers(second, 2));
    EXPECT_FALSE(ledger.covers(second, 3));
}

TEST(Ledger, takes_no_commit_on_top_of_what_is_not_shown) {
    Ledger ledger = resumed({slot, 0, true});
    ledger.acknowledged({first, 1, true}, first, true);
    EXPECT_THROW(ledger.acknowledged({second, 1, true}, second, true), std::logic_error);
}

TEST(Ledger, takes_no_commit_that_goes_back) {
    Ledger ledger = resumed({second, 3, false});
    EXPECT_THROW(ledger.acknowledged({second, 2, false}, slot, true), std::logic_error);
    EXPECT_THROW(ledger.acknowledged({first, 1, true}, first, true), std::logic_error);
}

TEST(Ledger, does_not_go_on_where_less_is_read_than_was_acknowledged) {
    Ledger ledger = resumed({slot, 0, true});
    ledger.acknowledged({first, 1, true}, first, true);
    EXPECT_THROW(ledger.resume({slot, 0, true}, slot, slot), Regressed);
    EXPECT_NO_THROW(ledger.resume({first, 1, true}, first, slot));
    EXPECT_TRUE(ledger.is_shown());
    EXPECT_NO_THROW(ledger.resume({second, 1, true}, second, slot)) << "the commit that was in doubt has taken place";
}

TEST(Ledger, keeps_what_may_be_confirmed_when_the_position_is_read_again) {
    Ledger ledger = resumed({slot, 0, true});
    ledger.delivered(third);
    ledger.acknowledged({first, 1, true}, first, true);
    ledger.shown({first, 1, true});
    ledger.resume({second, 1, false}, second, slot);
    EXPECT_EQ(ledger.confirmable(), first);
}

TEST(Ledger, wants_the_rest_of_a_split_transaction_first) {
    Ledger ledger = resumed({second, 2, false});
    EXPECT_NO_THROW(ledger.require_rest(first)) << "which comes again, and is passed";
    EXPECT_THROW(ledger.require_rest(third), RestIsMissing);
    EXPECT_NO_THROW(ledger.require_rest(second));
    EXPECT_NO_THROW(ledger.require_rest(third));
}

// The second transaction's commit record, as the plugin outbox and as pgoutput name it, between those of the first and the third.
constexpr Lsn first_start{0x101}, first_end{0x140}, second_start{0x181}, second_end{0x1c0}, third_start{0x1c1}, third_end{0x200};

TEST(Ledger, knows_the_rest_of_a_split_transaction_by_the_name_of_another_plugin) {
    struct Names {
        Lsn first, second, third;
    };
    constexpr Names extension{first_end, second_end, third_end}, pgoutput{first_start, second_start, third_start};
    for (auto [before, now] : {std::pair(extension, pgoutput), std::pair(pgoutput, extension)}) {
        Ledger ledger;
        ledger.resume({before.second, 2, false, first_end}, before.second, Lsn{0x80});
        EXPECT_NO_THROW(ledger.require_rest(now.first));
        EXPECT_TRUE(ledger.covers(now.first, 9)) << "it is complete";
        EXPECT_NO_THROW(ledger.require_rest(now.second));
        EXPECT_TRUE(ledger.covers(now.second, 2));
        EXPECT_FALSE(ledger.covers(now.second, 3));
        EXPECT_NO_THROW(ledger.require_rest(now.third));
        EXPECT_FALSE(ledger.covers(now.third, 1));
        ledger.acknowledged({now.second, 4, false, first_end}, first_end, true);
        EXPECT_FALSE(ledger.shown({before.second, 2, false, first_end})) << "that is the position before, by its other name";
        EXPECT_THROW(ledger.resume({before.second, 2, false, first_end}, before.second, Lsn{0x80}), Regressed);
        EXPECT_TRUE(ledger.shown({now.second, 4, false, first_end}));
        ledger.delivered(second_end);
        EXPECT_EQ(ledger.confirmable(), first_end);
        ledger.acknowledged({second_end, 6, true}, second_end, true);
        EXPECT_TRUE(ledger.shown({second_end, 6, true}));
        EXPECT_EQ(ledger.confirmable(), second_end);
    }
}

TEST(Ledger, takes_no_later_transaction_of_another_plugin_for_the_rest) {
    Ledger ledger;
    ledger.resume({second_end, 2, false, first_end}, second_end, Lsn{0x80});
    EXPECT_THROW(ledger.require_rest(third_start), RestIsMissing);
}

TEST(Ledger, does_not_guess_where_the_position_does_not_say_what_was_before) {
    Ledger ledger;
    ledger.resume({second_start, 2, false}, second_start, Lsn{0x80});
    EXPECT_THROW(ledger.require_rest(second_end), RestIsMissing);
}

TEST(Ledger, a_complete_transaction_is_covered_by_whichever_name) {
    Ledger ledger;
    ledger.resume({second_end, 3, true}, second_end, Lsn{0x80});
    for (Lsn name : {first_start, first_end, second_start, second_end})
        EXPECT_TRUE(ledger.covers(name, 9));
    for (Lsn name : {third_start, third_end})
        EXPECT_FALSE(ledger.covers(name, 1)) << "the third begins where the second ends";
}

TEST(Ledger, has_the_rest_of_a_split_transaction_where_the_stream_has_ended_it) {
    Ledger ledger = resumed({second, 2, false});
    ledger.ended(second); // its last events may have been rejected
    EXPECT_NO_THROW(ledger.require_rest(third));
    ledger.resume({second, 2, false}, second, slot);
    EXPECT_NO_THROW(ledger.require_rest(third)) << "read again within the session";
}

TEST(Ledger, writes_a_position_where_there_was_nothing_to_deliver) {
    Ledger ledger = resumed({first, 1, true});
    EXPECT_EQ(ledger.overdue(), std::nullopt);
    ledger.delivered(first);
    EXPECT_EQ(ledger.overdue(), std::nullopt);
    ledger.delivered(second);
    ASSERT_TRUE(ledger.overdue());
    EXPECT_EQ(ledger.overdue()->end, second);
    ledger.acknowledged(*ledger.overdue(), second, false);
    EXPECT_EQ(ledger.overdue(), std::nullopt);
    EXPECT_EQ(ledger.events(), first) << "the position goes on without them";
}

// A naive model keeps the whole history, and searches all of it each time.
struct Model {
    struct Commit {
        Position position;
        Lsn last_complete;
        bool is_shown;
    };
    std::vector<Commit> history;
    Lsn delivered{};

    const Position &last() const { return history.back().position; }
    Lsn confirmable() const {
        Lsn end{};
        for (const Commit &commit : history)
            if (commit.is_shown)
                end = std::max(end, commit.position.complete ? commit.position.end : commit.last_complete);
        return std::min(end, delivered);
    }
    void show_all() {
        for (Commit &commit : history)
            commit.is_shown = true;
    }
};

TEST(Ledger, does_what_a_naive_model_does) {
    std::minstd_rand random(11);
    auto chance = [&](unsigned of) { return random() % of == 0; };
    size_t steps = 0, regressions = 0, splits = 0;
    for (int session = 0; session < 30000; session++) {
        Ledger ledger;
        Model model;
        Position at{slot, 0, true};
        ledger.resume(at, at.end, slot);
        model.history.push_back({at, slot, true});
        for (int step = 0; step < 40; step++, steps++) {
            Lsn before = ledger.confirmable();
            switch (random() % 6) {
            case 0:
            case 1: { // more events, up to the end of a transaction or within one
                if (!ledger.is_shown())
                    break;
                Position next = at;
                Lsn last_complete = at.complete ? at.end : model.history.back().last_complete;
                if (at.complete || chance(2)) {
                    last_complete = at.end;
                    next = {Lsn{static_cast<uint64_t>(at.end) + 1 + random() % 50}, 0, false};
                }
                next.ordinal += 1 + random() % 3;
                next.complete = !chance(3);
                splits += !next.complete;
                ledger.acknowledged(next, last_complete, true);
                model.history.push_back({next, last_complete, false});
                at = next;
                break;
            }
            case 2: { // a position is read back, sometimes an earlier one
                bool is_late = chance(3) && model.history.size() > 1;
                const Position &seen = is_late ? model.history[model.history.size() - 2].position : model.last();
                if (!is_late)
                    model.show_all();
                ASSERT_EQ(ledger.shown(seen), model.history.back().is_shown);
                break;
            }
            case 3:
                model.delivered = std::max(model.delivered, Lsn{static_cast<uint64_t>(at.end) + random() % 20});
                ledger.delivered(model.delivered);
                break;
            case 4: { // a position alone
                auto overdue = ledger.overdue();
                ASSERT_EQ(overdue.has_value(), model.delivered > at.end || (model.delivered == at.end && !at.complete));
                if (!overdue || !ledger.is_shown())
                    break;
                ledger.acknowledged(*overdue, overdue->end, false);
                model.history.push_back({*overdue, overdue->end, false});
                at = *overdue;
                break;
            }
            default: // a position is read again: an operator may have aborted an invisible Kafka transaction
                if (chance(4) && model.history.size() > 1 && !model.history.back().is_shown) {
                    ASSERT_THROW(ledger.resume(model.history[model.history.size() - 2].position, slot, slot), Regressed);
                    regressions++;
                    break;
                }
                ledger.resume(at, at.end, slot);
                model.show_all();
            }
            ASSERT_EQ(ledger.confirmable(), model.confirmable());
            ASSERT_EQ(ledger.is_shown(), model.history.back().is_shown);
            ASSERT_GE(ledger.confirmable(), before) << "it went back";
            ASSERT_LE(ledger.confirmable(), ledger.position().end);
            for (uint64_t ordinal : {at.ordinal, at.ordinal + 1})
                ASSERT_EQ(ledger.covers(at.end, ordinal), at.complete || ordinal <= at.ordinal);
        }
    }
    EXPECT_EQ(steps, 1200000u);
    EXPECT_GT(regressions, 1000u);
    EXPECT_GT(splits, 1000u);
}

} // namespace
} // namespace outbox
