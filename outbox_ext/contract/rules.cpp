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

bool envelope_base64_is_valid(Text text) {
    if (text.size % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.size - padding; i++) {
        char c = text.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    // Only some bits of the last letter before the padding carry data; the others are 0.
    const char *last_letters = padding == 1 ? "AEIMQUYcgkosw048" : "AQgw";
    return padding == 0 || strchr(last_letters, text.data[text.size - padding - 1]) != nullptr;
}
