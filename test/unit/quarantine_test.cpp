// What happens to events that Kafka refuses.
#include "relay/core/quarantine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace outbox {
namespace {

constexpr EventPosition first{Lsn{0x100}, 1}, second{Lsn{0x100}, 2}, later{Lsn{0x200}, 1};
constexpr int too_large = 10, too_old = 32;

TEST(Quarantine, tries_one_form_after_the_other_and_then_stops) {
    Quarantine quarantine;
    quarantine.follow(true, {});
    EXPECT_EQ(quarantine.form_of(first, "a"), Form::event);
    for (Form form : {Form::letter, Form::letter_without_payload, Form::bare_letter}) {
        EXPECT_TRUE(quarantine.refused(first, too_large));
        EXPECT_EQ(quarantine.form_of(first, "a"), form);
    }
    EXPECT_FALSE(quarantine.refused(first, too_old));
    EXPECT_TRUE(quarantine.stops_at(first));
    EXPECT_EQ(quarantine.find(first)->error, too_large) << "for the event";
    EXPECT_EQ(quarantine.find(first)->letter_error, too_old);
}

TEST(Quarantine, stops_at_once_without_dead_letters) {
    Quarantine quarantine;
    quarantine.follow(false, {});
    EXPECT_FALSE(quarantine.refused(first, too_large));
    EXPECT_TRUE(quarantine.stops_at(first));
    quarantine.follow(false, {});
    EXPECT_FALSE(quarantine.stops_at(first)) << "the next session tries it again";
}

TEST(Quarantine, knows_events_by_their_position) {
    Quarantine quarantine;
    quarantine.follow(true, {});
    quarantine.refused(first, too_large);
    EXPECT_EQ(quarantine.form_of(second, "a"), Form::event) << "of the same id";
    EXPECT_EQ(quarantine.form_of(first, "another"), Form::letter);
    quarantine.settled(first, Form::letter);
    EXPECT_EQ(quarantine.form_of(first, "a"), Form::event);
    EXPECT_EQ(quarantine.size(), 0u);
}

TEST(Quarantine, skips_the_first_event_with_the_id) {
    Quarantine quarantine;
    quarantine.follow(true, {"a", "b"});
    EXPECT_EQ(quarantine.form_of(first, "a"), Form::note);
    EXPECT_EQ(quarantine.form_of(second, "a"), Form::event) << "forged, perhaps";
    EXPECT_EQ(quarantine.form_of(first, "a"), Form::note) << "when it comes again";
    quarantine.settled(first, Form::note);
    EXPECT_EQ(quarantine.skips_end(), std::nullopt);
    EXPECT_EQ(quarantine.form_of(first, "a"), Form::note) << "unconfirmed, it comes again";
    EXPECT_EQ(quarantine.form_of(later, "b"), Form::note);
    quarantine.settled(later, Form::note);
    EXPECT_EQ(quarantine.skips_end(), later.end);
    EXPECT_FALSE(quarantine.refused(later, too_large)) << "nothing can stand for the note";
}

TEST(Quarantine, forgets_what_never_comes_again) {
    Quarantine quarantine;
    quarantine.follow(true, {});
    for (EventPosition position : {first, second, later})
        quarantine.refused(position, too_large);
    quarantine.forget_before(Lsn{0x100});
    EXPECT_EQ(quarantine.size(), 1u);
    EXPECT_EQ(quarantine.form_of(later, "a"), Form::letter);
}

// A naive model: lists that are searched from the beginning.
TEST(Quarantine, does_what_a_naive_model_does) {
    std::minstd_rand random(7);
    Quarantine quarantine;
    quarantine.follow(true, {"3"});
    std::vector<std::pair<EventPosition, int>> refusals; // how often each event was refused
    std::optional<EventPosition> skipped;
    for (int i = 0; i < 20000; i++) {
        EventPosition position{Lsn{0x100 * (1 + random() % 5)}, 1 + random() % 5};
        std::string id = std::to_string(random() % 7);
        auto known = std::find_if(refusals.begin(), refusals.end(), [&](const auto &each) { return each.first == position; });
        bool is_known = known != refusals.end();
        if (id == "3" && !skipped)
            skipped = position;
        bool is_note = id == "3" && skipped == position;
        Form expected = is_note    ? Form::note
                        : is_known ? static_cast<Form>(skipped == position ? 0 : std::min(known->second, 3))
                                   : Form::event;
        ASSERT_EQ(quarantine.form_of(position, id), expected);
        ASSERT_EQ(quarantine.stops_at(position), is_known && (known->second > 3 || skipped == position));
        switch (random() % 3) {
        case 0: {
            int times = is_known ? ++known->second : 1;
            if (!is_known)
                refusals.emplace_back(position, 1);
            ASSERT_EQ(quarantine.refused(position, too_large), times <= 3 && skipped != position);
            break;
        }
        case 1:
            quarantine.settled(position, expected);
            if (is_known)
                refusals.erase(known);
            break;
        default: break;
        }
        ASSERT_EQ(quarantine.size(), refusals.size());
    }
}

} // namespace
} // namespace outbox
