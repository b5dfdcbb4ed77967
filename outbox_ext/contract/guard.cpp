#include "guard.h"

#include "json_scan.h"
#include "utf8_valid.h"

#include <cstdint>
#include <cstring>

namespace {

constexpr size_t uuid_text_size = 36;

// Walks over the head of an envelope. A step that does not fit returns false and leaves the position where it was.
class Cursor {
public:
    Cursor(const char *text, size_t size) : at_(text), end_(text + size) {}

    const char *position() const { return at_; }
    size_t left() const { return static_cast<size_t>(end_ - at_); }

    bool literal(const char *expected) {
        size_t size = strlen(expected);
        if (left() < size || memcmp(at_, expected, size) != 0)
            return false;
        at_ += size;
        return true;
    }

    // A JSON string with its quotes, without raw control characters.
    bool string(Text *content) {
        const char *p = at_;
        if (p == end_ || *p++ != '"')
            return false;
        const char *start = p;
        for (;;) {
            p = json_plain_end(p, end_);
            if (p == end_)
                return false;
            if (*p == '"')
                break;
            if (*p != '\\' || !escape(&p))
                return false;
        }
        *content = Text{start, static_cast<size_t>(p - start)};
        at_ = p + 1;
        return true;
    }

private:
    // Accepts the escapes that json_append_string writes, and those of 1.0, whose hexadecimal letters are all upper-case. PostgreSQL's text
    // has no NUL.
    bool escape(const char **position) {                   // *position is at the backslash
        static constexpr char long_only[] = "01234567bef"; // of \u000X
        const char *p = *position + 1;
        if (p == end_)
            return false;
        if (*p != 'u') {
            *position = p + 1;
            return *p != '\0' && strchr("\"\\bfnrt", *p) != nullptr;
        }
        if (end_ - p < 5 || memcmp(p, "u00", 3) != 0 || (p[3] != '0' && p[3] != '1') || !is_hex(p[4]))
            return false;
        *position = p + 5;
        bool has_short_form = p[3] == '0' && strchr(long_only, p[4] | 0x20) == nullptr;
        return !has_short_form && memcmp(p, "u0000", 5) != 0;
    }

    bool is_hex(char c) {
        if (c >= '0' && c <= '9')
            return true;
        bool is_upper = c >= 'A' && c <= 'F', is_lower = c >= 'a' && c <= 'f';
        has_upper_ |= is_upper;
        has_lower_ |= is_lower;
        return (is_upper || is_lower) && !(has_upper_ && has_lower_);
    }

    bool has_upper_ = false, has_lower_ = false;
    const char *at_;
    const char *end_;
};

bool is_uuid(Text text) {
    if (text.size != uuid_text_size)
        return false;
    for (size_t i = 0; i < uuid_text_size; i++) {
        char c = text.data[i];
        bool fits = i == 8 || i == 13 || i == 18 || i == 23 ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!fits)
            return false;
    }
    return true;
}

// The names of a message's headers that the guard has met so far. Hashes make the comparison of a thousand names cheap.
class HeaderNames {
public:
    bool add(Text name) { // false: the name was there already
        uint32_t hash = hash_of(name);
        for (int i = 0; i < count_; i++)
            if (hashes_[i] == hash && names_[i].size == name.size && memcmp(names_[i].data, name.data, name.size) == 0)
                return false;
        hashes_[count_] = hash;
        names_[count_++] = name;
        return true;
    }
    bool is_full() const { return count_ == envelope_headers_max; }

private:
    static uint32_t hash_of(Text name) { // FNV-1a
        uint32_t hash = 2166136261u;
        for (size_t i = 0; i < name.size; i++)
            hash = (hash ^ static_cast<unsigned char>(name.data[i])) * 16777619u;
        return hash;
    }

    int count_ = 0;
    uint32_t hashes_[envelope_headers_max];
    Text names_[envelope_headers_max];
};

bool header_value(Cursor *cursor) { // a string, or bytes
    Text value;
    if (!cursor->literal("{\"base64\":"))
        return cursor->string(&value);
    return cursor->string(&value) && envelope_base64_is_valid(value) && cursor->literal("}");
}
const char *reject_headers(Cursor *cursor) {
    HeaderNames names;
    do {
        Text name;
        if (names.is_full())
            return "more than 1000 headers";
        if (!cursor->string(&name) || !cursor->literal(":") || !header_value(cursor))
            return "headers are not an object of strings";
        if (envelope_header_is_reserved(name))
            return "a header has a reserved name";
        if (!names.add(name))
            return "a header is there twice";
    } while (cursor->literal(","));
    return cursor->literal("}") ? nullptr : "headers are not an object of strings";
}

const char *reject_payload(Cursor *cursor) {
    if (cursor->literal(",\"payload\":")) {
        if (cursor->left() == 0 || cursor->position()[cursor->left() - 1] != '}')
            return "the envelope is not closed";
        const char *payload = cursor->position();
        size_t size = cursor->left() - 1;
        if (json_is_compact(payload, size))
            return nullptr;
        return json_scan(payload, size) ? "the payload has white space or escapes that emit does not write"
                                        : "the payload is not valid JSON";
    }
    if (cursor->literal(",\"payload_base64\":")) {
        Text content;
        if (!cursor->string(&content) || !envelope_base64_is_valid(content))
            return "the payload is not valid base64";
    }
    return cursor->literal("}") && cursor->left() == 0 ? nullptr : "not an envelope";
}

} // namespace

const char *guard_reject(const char *message, size_t size, size_t head_max, Text *topic) {
    Text text;

    if (size > envelope_size_max)
        return "larger than 64 MB";
    if (memchr(message, '\n', size) != nullptr)
        return "more than one line";
    if (!utf8_is_valid(message, size))
        return "not valid UTF-8";

    Cursor cursor(message, size);
    if (!cursor.literal("{\"topic\":") || !cursor.string(topic))
        return "not an envelope";
    if (!envelope_topic_is_valid(*topic))
        return "the topic's name is invalid";
    bool has_key = cursor.literal(",\"key\":");
    if (has_key && !cursor.string(&text))
        return "the key is not a string";
    if (!cursor.literal(",\"id\":") || !cursor.string(&text) || !is_uuid(text))
        return "the id is missing or not a UUID";
    if (cursor.literal(",\"type\":") && !cursor.string(&text))
        return "the type is not a string";
    if (cursor.literal(",\"headers\":{"))
        if (const char *reason = reject_headers(&cursor))
            return reason;
    if (size - cursor.left() > head_max)
        return "the key, type and headers are too large";
    if (!has_key && cursor.left() == 1)
        return "neither a key nor a payload";
    return reject_payload(&cursor);
}

const char *guard_reject_headers(const char *object, size_t size) {
    Cursor cursor(object, size);
    if (!cursor.literal("{"))
        return "headers are not an object of strings";
    if (cursor.literal("}") && cursor.left() == 0)
        return nullptr;
    if (const char *reason = reject_headers(&cursor))
        return reason;
    return cursor.left() == 0 ? nullptr : "headers are not an object of strings";
}
