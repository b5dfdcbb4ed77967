#include "headers.h"

#include "utf8.h"

#include <cstring>

namespace {

constexpr const char *example = "For example: '{\"traceparent\": \"00-4bf92f35\"}'.";
constexpr const char *example_of_bytes =
    "Bytes are an object, {\"base64\": \"AAECAw==\"}, in base64 with its padding and without line breaks.";
constexpr const char *opening_of_bytes = "{\"base64\":\"";

[[noreturn]] void refuse_headers(const char *detail = nullptr, const char *hint = example) {
    ereport(ERROR, (errcode(ERRCODE_SQL_JSON_OBJECT_NOT_FOUND), errmsg("headers must be a JSON object whose values are strings"),
                    detail == nullptr ? 0 : errdetail_internal("%s", detail), errhint("%s", hint)));
    pg_unreachable();
}

const char *hint_for(bool is_object_or_array) { return is_object_or_array ? example_of_bytes : example; }

void require_count(int count) {
    if (count > envelope_headers_max)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("headers must not be more than %d", envelope_headers_max)));
}

void require_name(Text name) {
    if (envelope_header_is_reserved(name))
        ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("headers must not be named \"id\" or \"type\""),
                        errhint("The relay sets the headers \"id\" and \"type\" from the event's id and from the argument \"type\".")));
}

// ---- jsonb ----------------------------------------------------------------------------------------------------------

const char *kind_of(const JsonbValue *value) {
    switch (value->type) {
    case jbvNull: return "null";
    case jbvNumeric: return "a number";
    case jbvBool: return "a boolean";
    default: return "an object or array";
    }
}

void add_string(StringInfo envelope, const JsonbValue *value) {
    Text text = utf8_from_server(Text{value->val.string.val, static_cast<size_t>(value->val.string.len)}, "header");
    json_append_string(envelope, text.data, text.size);
}

// False: the value is not {"base64": "…"}.
bool add_bytes(StringInfo envelope, const JsonbValue *value) {
    JsonbValue base64;
    if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data) || JsonContainerSize(value->val.binary.data) != 1)
        return false;
    if (getKeyJsonValueFromContainer(value->val.binary.data, "base64", strlen("base64"), &base64) == nullptr || base64.type != jbvString)
        return false;
    Text text = {base64.val.string.val, static_cast<size_t>(base64.val.string.len)};
    if (!envelope_base64_is_valid(text))
        return false;
    appendStringInfoString(envelope, opening_of_bytes);
    appendBinaryStringInfo(envelope, text.data, static_cast<int>(text.size));
    appendStringInfoString(envelope, "\"}");
    return true;
}

// ---- text -----------------------------------------------------------------------------------------------------------

const char *kind_of(char first) {
    switch (first) {
    case '{':
    case '[': return "an object or array";
    case 't':
    case 'f': return "a boolean";
    case 'n': return "null";
    default: return "a number";
    }
}

// Walks over valid JSON without white space, whose escapes have their shortest form.
class Walk {
public:
    Walk(const char *json, size_t size) : at_(json), end_(json + size) {}

    char peek() const { return *at_; }
    void skip() { at_++; }

    Text string() { // without its quotes
        const char *start = ++at_;
        while (*(at_ = json_plain_end(at_, end_)) != '"')
            at_ += 2; // the backslash and the byte behind it; the digits of a \u00XX are plain bytes
        return Text{start, static_cast<size_t>(at_++ - start)};
    }

    // Takes {"base64":"…"} from its brace on. False where the object is another one; the walk then leads no further.
    bool bytes() {
        size_t size = strlen(opening_of_bytes);
        if (static_cast<size_t>(end_ - at_) < size || memcmp(at_, opening_of_bytes, size) != 0)
            return false;
        at_ += size - 1;
        if (!envelope_base64_is_valid(string()) || peek() != '}')
            return false;
        skip();
        return true;
    }

    // Goes to the next member of an object of headers, which name() and member() then return. False at the end.
    bool next_member() {
        skip(); // the brace or the comma before the member
        if (at_ == end_ || peek() == '}')
            return false;
        const char *start = at_;
        name_ = string();
        skip();
        if (peek() == '{')
            bytes();
        else
            string();
        member_ = Text{start, static_cast<size_t>(at_ - start)};
        return true;
    }
    Text name() const { return name_; }     // without its quotes
    Text member() const { return member_; } // name and value, as the object has them

private:
    const char *at_;
    const char *end_;
    Text name_ = {}, member_ = {};
};

void require_text(Text escaped) {
    if (json_has_nul(escaped.data, escaped.size))
        utf8_refuse("header");
}

bool is_same(Text one, Text other) { return one.size == other.size && memcmp(one.data, other.data, one.size) == 0; }

bool has_name(const Text *names, int count, Text name) {
    for (int i = 0; i < count; i++)
        if (is_same(names[i], name))
            return true;
    return false;
}

void require_new(const Text *names, int count, Text name) {
    for (int i = 0; i < count; i++)
        if (is_same(names[i], name))
            ereport(ERROR, (errcode(ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE), errmsg("headers must not repeat a name"),
                            errdetail("Header %d has the name of header %d.", count + 1, i + 1)));
}

int check_members(const char *json, size_t size) { // returns the number of members
    Text *names = static_cast<Text *>(palloc(sizeof(Text) * envelope_headers_max));
    Walk walk(json, size);
    int count = 0;

    for (walk.skip(); walk.peek() != '}'; count++) {
        require_count(count + 1);
        if (walk.peek() == ',')
            walk.skip();
        names[count] = walk.string();
        require_name(names[count]);
        require_text(names[count]);
        require_new(names, count, names[count]);
        walk.skip();
        char first = walk.peek();
        if (first == '"')
            require_text(walk.string());
        else if (first != '{' || !walk.bytes())
            refuse_headers(psprintf("Header %d is %s.", count + 1, kind_of(first)), hint_for(first == '{' || first == '['));
    }
    pfree(names);
    return count;
}

} // namespace

void headers_add_jsonb(StringInfo envelope, Jsonb *headers) {
    if (!JB_ROOT_IS_OBJECT(headers))
        refuse_headers();
    int count = static_cast<int>(JB_ROOT_COUNT(headers));
    if (count == 0)
        return;
    require_count(count);

    envelope_add_raw(envelope, "headers");
    JsonbIterator *iterator = JsonbIteratorInit(&headers->root);
    JsonbIteratorToken token;
    JsonbValue value;
    int place = 0;
    const char *order = count > 1 ? ", the shortest name first," : ""; // the order in which jsonb keeps its members
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_KEY) {
            require_name(Text{value.val.string.val, static_cast<size_t>(value.val.string.len)});
            appendStringInfoChar(envelope, place++ == 0 ? '{' : ',');
            add_string(envelope, &value);
        } else if (token == WJB_VALUE) {
            appendStringInfoChar(envelope, ':');
            if (value.type == jbvString)
                add_string(envelope, &value);
            else if (!add_bytes(envelope, &value))
                refuse_headers(psprintf("Header %d of %d%s is %s.", place, count, order, kind_of(&value)),
                               hint_for(value.type == jbvBinary));
        }
    }
    appendStringInfoChar(envelope, '}');
}

void headers_add_text(StringInfo envelope, Text json) {
    JsonError error;
    int before = envelope->len;

    envelope_add_raw(envelope, "headers");
    int start = envelope->len;
    if (!json_minify(json.data, json.size, envelope, &error))
        refuse_headers(psprintf("The headers are not valid JSON at byte offset %zu. %s", error.offset, error.reason));
    if (envelope->data[start] != '{')
        refuse_headers();
    if (check_members(envelope->data + start, static_cast<size_t>(envelope->len - start)) == 0)
        envelope->len = before;
}

Text headers_object(StringInfo envelope, int before) {
    constexpr int name_size = sizeof(",\"headers\":") - 1;
    if (envelope->len == before)
        return Text{nullptr, 0};
    return Text{envelope->data + before + name_size, static_cast<size_t>(envelope->len - before - name_size)};
}

void headers_add_under(StringInfo envelope, int before, Text object) {
    Text own = headers_object(envelope, before);
    if (own.size == 0) {
        envelope_add_raw(envelope, "headers");
        return appendBinaryStringInfo(envelope, object.data, static_cast<int>(object.size));
    }
    Text *names = static_cast<Text *>(palloc(sizeof(Text) * envelope_headers_max));
    int count = 0;
    Walk walk_own(own.data, own.size);
    while (walk_own.next_member())
        names[count++] = walk_own.name();

    StringInfoData more; // the names are in the envelope, which may move when it grows
    initStringInfo(&more);
    Walk walk(object.data, object.size);
    int added = 0;
    while (walk.next_member()) {
        if (has_name(names, count, walk.name()))
            continue;
        appendStringInfoChar(&more, ',');
        appendBinaryStringInfo(&more, walk.member().data, static_cast<int>(walk.member().size));
        require_count(count + ++added);
    }
    envelope->len--; // the closing brace
    appendBinaryStringInfo(envelope, more.data, more.len);
    appendStringInfoChar(envelope, '}');
    pfree(names);
    pfree(more.data);
}
