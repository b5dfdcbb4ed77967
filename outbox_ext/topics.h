// The table outbox.topics: which topics there are, who may write to them, and what their events must be like. Without a row in it every
// topic is accepted. A backend keeps the rows in memory until the table changes; a change counts for every event that is emitted after its
// commit. Tested by sql/topics.sql, test/specs/topics.spec.
#pragma once

#include "contract/text.h"
#include "pg.h"

struct TopicRules {
    bool is_checked;
    Oid check_function; // of (key text, payload jsonb, headers jsonb), returning text; valid where is_checked
};

// Raises an error where the table has rows and none for this topic, or where the current user may not write to the topic. `has_own_right`:
// the door's own privileges decide who may (a view of one topic, a trigger), so the writers in the table do not.
TopicRules topic_require(Text topic, bool has_own_right);

// Raises an error where the function finds something wrong with the event, a whole envelope.
void topic_check_event(const TopicRules &rules, Text envelope);
