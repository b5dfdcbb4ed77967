#include "json.h"

// RapidJSON on the server's memory: no exceptions, no operator new, no symbol of it leaves this file.
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
#include <rapidjson/writer.h>
#pragma GCC diagnostic pop
#pragma GCC visibility pop

#include <new>

namespace {

// Allocates in one context, whatever the current one is. A failure is an ereport; the context then frees everything.
class ContextAllocator {
public:
    static const bool kNeedFree = true;

    explicit ContextAllocator(MemoryContext context = nullptr) : context_(context) {}
    void *Malloc(size_t size) { return size == 0 ? nullptr : MemoryContextAlloc(context_, size); }
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

private:
    MemoryContext context_;
};

// Where the writer puts its characters. Room for all of them was made before: what is written is never longer than what was read.
class Output {
public:
    typedef char Ch;

    explicit Output(StringInfo buffer = nullptr) : buffer_(buffer) {}
    void Put(char c) {
        Assert(buffer_->len + 1 < buffer_->maxlen);
        buffer_->data[buffer_->len++] = c;
    }
    void Flush() { buffer_->data[buffer_->len] = '\0'; }

private:
    StringInfo buffer_;
};

using Writer = rapidjson::Writer<Output, rapidjson::UTF8<>, rapidjson::UTF8<>, ContextAllocator>;
using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ContextAllocator>;
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;

// Listens to the parser and bounds the depth. With a writer it repeats what it hears.
class Handler {
public:
    Handler(Writer *writer, const char *text, const rapidjson::MemoryStream *input) : writer_(writer), text_(text), input_(input) {}

    bool too_deep() const { return depth_ > json_max_depth; }

    bool Null() { return writer_ == nullptr || writer_->Null(); }
    bool Bool(bool value) { return writer_ == nullptr || writer_->Bool(value); }
    bool Int(int) { return false; } // numbers come as text, so these five are never called
    bool Uint(unsigned) { return false; }
    bool Int64(int64_t) { return false; }
    bool Uint64(uint64_t) { return false; }
    bool Double(double) { return false; }
    bool RawNumber(const char *, rapidjson::SizeType size, bool);
    bool String(const char *text, rapidjson::SizeType size, bool) { return writer_ == nullptr || writer_->String(text, size); }
    bool Key(const char *text, rapidjson::SizeType size, bool) { return writer_ == nullptr || writer_->Key(text, size); }
    bool StartObject() { return ++depth_ <= json_max_depth && (writer_ == nullptr || writer_->StartObject()); }
    bool StartArray() { return ++depth_ <= json_max_depth && (writer_ == nullptr || writer_->StartArray()); }
    bool EndObject(rapidjson::SizeType) {
        --depth_;
        return writer_ == nullptr || writer_->EndObject();
    }
    bool EndArray(rapidjson::SizeType) {
        --depth_;
        return writer_ == nullptr || writer_->EndArray();
    }

private:
    Writer *writer_;
    const char *text_; // the original, which `input` reads, or a masked copy of it
    const rapidjson::MemoryStream *input_;
    int depth_ = 0;
};

bool is_number_char(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }

// The digits as they stand in the original, at the place where the parser found a number.
bool Handler::RawNumber(const char *, rapidjson::SizeType size, bool) {
    if (writer_ == nullptr)
        return true;
    const char *digits = text_ + input_->Tell() - size;
    size_t length = size;
    while (digits + length < text_ + input_->size_ && is_number_char(digits[length]))
        length++;
    return writer_->RawValue(digits, length, rapidjson::kNumberType);
}

// RFC 8259's number. RapidJSON has the same rule but refuses what no double can hold.
bool is_number(const char *text, size_t size) {
    const char *p = text, *end = text + size;
    auto digits = [&] {
        const char *start = p;
        while (p < end && *p >= '0' && *p <= '9')
            p++;
        return p > start;
    };
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if (!digits())
        return false;
    if (p < end && *p == '.') {
        p++;
        if (!digits())
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (!digits())
            return false;
    }
    return p == end;
}

// A copy in which every number is a single digit and white space: for texts with numbers that RapidJSON takes for too big.
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
            size_t end = i;
            while (end < size && is_number_char(copy[end]))
                end++;
            if (is_number(copy + i, end - i)) {
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

// RapidJSON 1.1 refuses a high surrogate without its low one but not the reverse, and would write what is not UTF-8. Null: none.
const char *find_lone_surrogate(const char *json, size_t size) {
    const char *end = json + size;
    for (const char *p = json; (p = static_cast<const char *>(memchr(p, '\\', end - p))) != nullptr;) {
        bool is_surrogate = p[1] == 'u' && (p[2] == 'd' || p[2] == 'D') && p[3] >= '8';
        if (is_surrogate && (p[3] | 0x20) >= 'c')
            return p;
        p += is_surrogate ? 12 : 2; // a high one is followed by its low one, or the parser had refused it
    }
    return nullptr;
}

} // namespace

class JsonParser {
public:
    explicit JsonParser(MemoryContext context) : allocator_(context), reader_(&allocator_, 1024), writer_(&allocator_) {}

    bool parse(const char *text, size_t size, StringInfo out, JsonError *error) {
        int start = out == nullptr ? 0 : out->len;
        if (out != nullptr)
            enlargeStringInfo(out, size + 1);
        if (attempt(text, text, size, out, error))
            return true;
        if (reader_.GetParseErrorCode() != rapidjson::kParseErrorNumberTooBig)
            return false;
        if (out != nullptr)
            out->len = start;
        char *masked = mask_numbers(text, size);
        bool parsed = attempt(text, masked, size, out, error);
        pfree(masked);
        return parsed;
    }

private:
    bool attempt(const char *original, const char *text, size_t size, StringInfo out, JsonError *error) {
        Output output(out);
        writer_.Reset(output);
        rapidjson::MemoryStream input(text, size);
        Handler handler(out == nullptr ? nullptr : &writer_, original, &input);
        rapidjson::ParseResult result = reader_.Parse<parse_flags>(input, handler);
        if (!result.IsError())
            return accept(text, size, error);
        error->reason = handler.too_deep() ? "Nested too deeply." : rapidjson::GetParseError_En(result.Code());
        error->offset = result.Offset();
        error->too_deep = handler.too_deep();
        return false;
    }

    static bool accept(const char *json, size_t size, JsonError *error) {
        const char *surrogate = find_lone_surrogate(json, size);
        if (surrogate == nullptr)
            return true;
        error->reason = rapidjson::GetParseError_En(rapidjson::kParseErrorStringUnicodeSurrogateInvalid);
        error->offset = surrogate - json;
        error->too_deep = false;
        return false;
    }

    ContextAllocator allocator_;
    Reader reader_;
    Writer writer_;
};

JsonParser *json_parser_create(MemoryContext context) { return new (MemoryContextAlloc(context, sizeof(JsonParser))) JsonParser(context); }

bool json_check(JsonParser *parser, const char *text, size_t size, JsonError *error) { return parser->parse(text, size, nullptr, error); }

bool json_minify(JsonParser *parser, const char *text, size_t size, StringInfo out, JsonError *error) {
    return parser->parse(text, size, out, error);
}

void json_append_string(StringInfo out, const char *text, size_t size) {
    static const char hex[] = "0123456789ABCDEF";
    appendStringInfoChar(out, '"');
    size_t plain = 0; // start of what needs no escape
    for (size_t i = 0; i < size; i++) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        appendBinaryStringInfo(out, text + plain, static_cast<int>(i - plain));
        plain = i + 1;
        switch (c) {
        case '"': appendStringInfoString(out, "\\\""); break;
        case '\\': appendStringInfoString(out, "\\\\"); break;
        case '\b': appendStringInfoString(out, "\\b"); break;
        case '\f': appendStringInfoString(out, "\\f"); break;
        case '\n': appendStringInfoString(out, "\\n"); break;
        case '\r': appendStringInfoString(out, "\\r"); break;
        case '\t': appendStringInfoString(out, "\\t"); break;
        default:
            appendStringInfoString(out, "\\u00");
            appendStringInfoChar(out, hex[c >> 4]);
            appendStringInfoChar(out, hex[c & 15]);
        }
    }
    appendBinaryStringInfo(out, text + plain, static_cast<int>(size - plain));
    appendStringInfoChar(out, '"');
}
