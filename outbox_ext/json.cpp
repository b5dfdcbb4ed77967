#include "json.h"

// RapidJSON with the server's memory. RapidJSON throws no exceptions here and calls no operator new, and none of its symbols leaves this
// file.
#define RAPIDJSON_ASSERT(x) Assert(x)
#define RAPIDJSON_NEW(x) nullptr
#define RAPIDJSON_DELETE(x) static_cast<void>(x)
#define RAPIDJSON_HAS_STDSTRING 0
#pragma GCC visibility push(hidden)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wclass-memaccess"
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#pragma GCC diagnostic pop
#pragma GCC visibility pop

#include <new>

// ---- the reason why a text is no JSON -------------------------------------------------------------------------------

namespace {

// Allocates in the current context. A failure is an ereport; the context then frees everything.
class PallocAllocator {
public:
    [[maybe_unused]] static const bool kNeedFree = true;

    void *Malloc(size_t size) { return size == 0 ? nullptr : palloc(size); }
    void *Realloc(void *old, size_t, size_t size) {
        if (size == 0) {
            Free(old);
            return nullptr;
        }
        return old == nullptr ? Malloc(size) : repalloc(old, size);
    }
    static void Free(void *memory) {
        if (memory != nullptr)
            pfree(memory);
    }
};

using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, PallocAllocator>;
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

// Bounds the depth, and lets the user cancel. The ereport of a cancel jumps over frames of RapidJSON, none of which has to be unwound.
class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
public:
    bool too_deep() const { return depth_ > json_max_depth; }

    bool Default() {
        CHECK_FOR_INTERRUPTS();
        return true;
    }

    bool StartObject() { return ++depth_ <= json_max_depth; }
    bool StartArray() { return ++depth_ <= json_max_depth; }
    bool EndObject(rapidjson::SizeType) { return close(); }
    bool EndArray(rapidjson::SizeType) { return close(); }

private:
    bool close() {
        --depth_;
        return true;
    }

    int depth_ = 0;
};

bool is_number_char(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

// Returns a copy in which every number is a single digit and white space. RapidJSON refuses numbers that no double can hold.
char *mask_numbers(const char *text, size_t size) {
    char *copy = static_cast<char *>(palloc(size));
    memcpy(copy, text, size);
    for (size_t i = 0; i < size;) {
        if (copy[i] == '"') {
            for (i++; i < size && copy[i] != '"'; i++)
                if (copy[i] == '\\')
                    i++;
            i++;
        } else if (copy[i] == '-' || (copy[i] >= '0' && copy[i] <= '9')) {
            CHECK_FOR_INTERRUPTS();
            size_t end = i;
            while (end < size && is_number_char(copy[end]))
                end++;
            if (json_scan(copy + i, end - i)) {
                copy[i] = '1';
                memset(copy + i + 1, ' ', end - i - 1);
            }
            i = end;
        } else {
            i++;
        }
    }
    return copy;
}

// Finds a low surrogate without its high one, which RapidJSON 1.1 accepts. Null where there is none.
const char *find_lone_surrogate(const char *json, size_t size) {
    const char *end = json + size;
    for (const char *p = json; (p = static_cast<const char *>(memchr(p, '\\', end - p))) != nullptr;) {
        bool is_surrogate = p[1] == 'u' && (p[2] == 'd' || p[2] == 'D') && p[3] >= '8';
        if (is_surrogate && (p[3] | 0x20) >= 'c')
            return p;
        p += is_surrogate ? 12 : 2; // RapidJSON has checked that a low surrogate follows the high one
    }
    return nullptr;
}

rapidjson::ParseErrorCode read(Reader *reader, const char *text, size_t size, JsonError *error) {
    rapidjson::MemoryStream input(text, size);
    Handler handler;
    rapidjson::ParseResult result = reader->Parse<parse_flags>(input, handler);
    error->reason = handler.too_deep() ? "Nested too deeply." : rapidjson::GetParseError_En(result.Code());
    error->offset = result.Offset();
    error->too_deep = handler.too_deep();
    return result.Code();
}

// The memory stays in the current context: no object here has a destructor that must run, and the error ends the statement.
void explain(const char *text, size_t size, JsonError *error) {
    PallocAllocator *allocator = new (palloc(sizeof(PallocAllocator))) PallocAllocator;
    Reader *reader = new (palloc(sizeof(Reader))) Reader(allocator, 1024);
    rapidjson::ParseErrorCode code = read(reader, text, size, error);
    if (code == rapidjson::kParseErrorNumberTooBig) { // the scanner accepts big numbers, so the reason is another one
        text = mask_numbers(text, size);
        code = read(reader, text, size, error);
    }
    if (code != rapidjson::kParseErrorNone)
        return;
    const char *surrogate = find_lone_surrogate(text, size);
    Assert(surrogate != nullptr); // the scanner has refused the text for some reason
    error->reason = rapidjson::GetParseError_En(rapidjson::kParseErrorStringUnicodeSurrogateInvalid);
    error->offset = surrogate == nullptr ? 0 : static_cast<size_t>(surrogate - text);
}

} // namespace

// ---- writing --------------------------------------------------------------------------------------------------------

bool json_minify(const char *text, size_t size, StringInfo out, JsonError *error) {
    size_t written;

    enlargeStringInfo(out, static_cast<int>(size));
    bool valid = json_scan(text, size, out->data + out->len, &written);
    CHECK_FOR_INTERRUPTS();
    if (valid)
        out->len += static_cast<int>(written);
    else
        explain(text, size, error);
    out->data[out->len] = '\0';
    return valid;
}

void json_append_string(StringInfo out, const char *text, size_t size) {
    const char *end = text + size;
    enlargeStringInfo(out, static_cast<int>(size + 2));
    char *to = out->data + out->len;
    *to++ = '"';
    for (;;) {
        const char *special = json_plain_end(text, end);
        memcpy(to, text, static_cast<size_t>(special - text));
        to += special - text;
        if (special == end)
            break;
        out->len = static_cast<int>(to - out->data);
        enlargeStringInfo(out, static_cast<int>(json_escape_max + static_cast<size_t>(end - special))); // a buffer that grows doubles
        to = out->data + out->len;
        to += json_escape(to, static_cast<unsigned char>(*special));
        text = special + 1;
    }
    *to++ = '"';
    out->len = static_cast<int>(to - out->data);
    *to = '\0';
}

bool json_has_nul(const char *json, size_t size) {
    const char *end = json + size;
    for (const char *p = json; (p = static_cast<const char *>(memchr(p, '\\', static_cast<size_t>(end - p)))) != nullptr; p += 2)
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
            return true;
    return false;
}
