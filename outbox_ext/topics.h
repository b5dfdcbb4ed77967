// The table outbox.topics: the topics that exist, the roles that may write to each, and the function that checks a topic's events. While
// the table is empty every topic is accepted. A backend keeps the rows in memory until the table changes; a change counts for every event
// that is emitted after its commit. Tested by sql/topics.sql, test/specs/topics.spec.
#pragma once

#include "contract/text.h"
#include "pg.h"

struct TopicRules {
    bool is_checked;
    Oid check_function; // of (key text, payload jsonb, headers jsonb), returning text; valid where is_checked
};

// Raises an error where the table has rows and none for this topic, or where the role may not write to the topic. The role is the current
// user; at a door with rights of its own (a view of one topic, a trigger) it is the owner of the view or table, who lets others write.
TopicRules topic_require(Text topic, Oid role);

// Raises an error where the table has rows and none for this topic.
void topic_require_known(Text topic);

// Raises an error where the check function finds a fault in the event. `envelope`: the whole envelope.
void topic_check_event(const TopicRules &rules, Text envelope);
