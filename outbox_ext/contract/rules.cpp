#include "rules.h"

#include <cstring>

bool envelope_topic_is_valid(Text topic) {
    if (topic.size == 0 || topic.size > envelope_topic_max)
        return false;
    for (size_t i = 0; i < topic.size; i++) {
        if (!envelope_topic_allows(topic.data[i]))
            return false;
    }
    bool is_dots = topic.data[0] == '.' && (topic.size == 1 || (topic.size == 2 && topic.data[1] == '.'));
    return !is_dots;
}

bool envelope_header_is_reserved(Text name) {
    return (name.size == 2 && memcmp(name.data, "id", 2) == 0) || (name.size == 4 && memcmp(name.data, "type", 4) == 0);
}
