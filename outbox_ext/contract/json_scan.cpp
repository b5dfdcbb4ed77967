#include "json_scan.h"

namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Scanner {
public:
    Scanner(const char *text, size_t size, char *out) : at_(text), end_(text + size), kept_(text), out_(out) {}

    // Each step moves the position behind the token that it has accepted, and behind the white space after that token.
    bool document() {
        skip_space();
        for (;;) {
            char first = peek();
            if (first == '{' || first == '[') {
                if (!open(first))
                    return false;
                if (peek() != closing_[depth_ - 1]) {
                    if (first == '{' && !name())
                        return false;
                    continue;
                }
            } else if (!scalar(first)) {
                return false;
            }
            while (depth_ > 0 && peek() == closing_[depth_ - 1]) {
                depth_--;
                advance();
            }
            if (depth_ == 0)
                break;
            if (!token(',') || (closing_[depth_ - 1] == '}' && !name()))
                return false;
        }
        copy_up_to(at_);
        return at_ == end_;
    }

    char *written() const { return out_; }
    bool is_compact() const { return is_compact_; }

private:
    // The byte at the position; at the end of the text NUL, which no step accepts.
    char peek() const { return at_ < end_ ? *at_ : '\0'; }

    void advance() {
        at_++;
        skip_space();
    }

    bool token(char expected) {
        if (peek() != expected)
            return false;
        advance();
        return true;
    }

    void skip_space() {
        const char *start = at_, *p = at_;
        while (p < end_ && is_space(*p))
            p++;
        if (p != start) {
            is_compact_ = false;
            copy_up_to(start);
            kept_ = at_ = p;
        }
    }

    // Copies the bytes that stay as they are, from `kept_` on. Called where the scanner meets bytes that do not stay.
    void copy_up_to(const char *end) {
        if (out_ == nullptr)
            return;
        size_t size = static_cast<size_t>(end - kept_);
        memcpy(out_, kept_, size);
        out_ += size;
    }

    bool open(char bracket) {
        if (depth_ == json_max_depth)
            return false;
        closing_[depth_++] = bracket == '{' ? '}' : ']';
        advance();
        return true;
    }

    bool name() { return string() && token(':'); }

    bool scalar(char first) {
        switch (first) {
        case '"': return string();
        case 't': return word("true", 4);
        case 'f': return word("false", 5);
        case 'n': return word("null", 4);
        default: return number();
        }
    }

    bool word(const char *expected, size_t size) {
        if (static_cast<size_t>(end_ - at_) < size || memcmp(at_, expected, size) != 0)
            return false;
        at_ += size;
        skip_space();
        return true;
    }

    bool number() {
        one_of('-', '-');
        if (!one_of('0', '0') && !digits())
            return false;
        if (one_of('.', '.') && !digits())
            return false;
        if (one_of('e', 'E')) {
            one_of('+', '-');
            if (!digits())
                return false;
        }
        skip_space();
        return true;
    }

    bool one_of(char one, char other) {
        bool found = peek() == one || peek() == other;
        at_ += found;
        return found;
    }

    bool digits() {
        const char *start = at_;
        while (at_ < end_ && is_digit(*at_))
            at_++;
        return at_ > start;
    }

    bool string() {
        if (peek() != '"')
            return false;
        at_++;
        for (;;) {
            at_ = json_plain_end(at_, end_);
            char special = peek();
            if (special == '"') {
                advance();
                return true;
            }
            if (special != '\\' || !escape())
                return false;
        }
    }

    bool escape() { // at the backslash
        char c = end_ - at_ < 2 ? '\0' : at_[1];
        if (c == 'u')
            return unicode_escape();
        if (c == '/') {
            is_compact_ = false;
            copy_up_to(at_);
            kept_ = at_ + 1;
        } else if (c == '\0' || strchr("\"\\bfnrt", c) == nullptr) {
            return false;
        }
        at_ += 2;
        return true;
    }

    bool unicode_escape() { // a surrogate is accepted as the first of a pair only
        const char *start = at_;
        uint32_t code, second;
        if (!unit(&code) || (code >= 0xDC00 && code <= 0xDFFF))
            return false;
        if (code >= 0xD800 && code <= 0xDBFF) {
            if (!unit(&second) || second < 0xDC00 || second > 0xDFFF)
                return false;
            code = 0x10000 + ((code - 0xD800) << 10 | (second - 0xDC00));
        }
        if (!has_long_form_only(code))
            is_compact_ = false;
        copy_up_to(start);
        kept_ = at_;
        if (out_ != nullptr)
            put(code);
        return true;
    }

    static bool has_long_form_only(uint32_t code) {
        char escape[json_escape_max];
        return code < 0x20 && json_escape(escape, static_cast<unsigned char>(code)) == json_escape_max;
    }

    bool unit(uint32_t *code) { // \uXXXX
        if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u')
            return false;
        *code = 0;
        for (int i = 2; i < 6; i++) {
            char c = at_[i], letter = static_cast<char>(c | 0x20);
            if (!is_digit(c) && (letter < 'a' || letter > 'f'))
                return false;
            *code = *code << 4 | static_cast<uint32_t>(is_digit(c) ? c - '0' : letter - 'a' + 10);
        }
        at_ += 6;
        return true;
    }

    void put(uint32_t code) { // in UTF-8
        if (code < 0x20 || code == '"' || code == '\\') {
            out_ += json_escape(out_, static_cast<unsigned char>(code));
        } else if (code < 0x80) {
            *out_++ = static_cast<char>(code);
        } else {
            int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
            *out_++ = static_cast<char>((0xFF00 >> (more + 1) & 0xFF) | code >> 6 * more);
            while (more-- > 0)
                *out_++ = static_cast<char>(0x80 | (code >> 6 * more & 0x3F));
        }
    }

    const char *at_;
    const char *const end_;
    const char *kept_; // the bytes from here to the position stay as they are and are not copied yet
    char *out_;        // null: the scanner does not copy
    bool is_compact_ = true;
    int depth_ = 0;
    char closing_[json_max_depth]; // the bracket that each open container waits for
};

} // namespace

bool json_scan(const char *text, size_t size) { return Scanner(text, size, nullptr).document(); }

bool json_scan(const char *text, size_t size, char *out, size_t *written) {
    Scanner scanner(text, size, out);
    bool valid = scanner.document();
    *written = static_cast<size_t>(scanner.written() - out);
    return valid;
}

bool json_is_compact(const char *text, size_t size) {
    Scanner scanner(text, size, nullptr);
    return scanner.document() && scanner.is_compact();
}

size_t json_escape(char *out, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; // from backspace on
    out[0] = '\\';
    if (c == '"' || c == '\\')
        out[1] = static_cast<char>(c);
    else if (c >= '\b' && c <= '\r' && letters[c - '\b'] != '\0')
        out[1] = letters[c - '\b'];
    else {
        memcpy(out + 1, "u00", 3);
        out[4] = hex[c >> 4];
        out[5] = hex[c & 15];
        return 6;
    }
    return 2;
}
