// Takes a line of JSON apart from left to right, as emit and the output plugin write the line: no white space, members in a fixed order.
// Strings keep their escapes. Every step throws FormatError where the line goes on otherwise. Tested by test/unit/envelope_test.cpp.
#pragma once

#include "core/envelope.h"
#include "core/wire.h"

#include <charconv>
#include <cstring>

namespace outbox {

class LineScanner {
public:
    explicit LineScanner(std::string_view line) : rest_(line) {}

    std::string_view rest() const { return rest_; }

    bool skip(std::string_view expected) {
        if (!rest_.starts_with(expected))
            return false;
        rest_.remove_prefix(expected.size());
        return true;
    }

    void require(std::string_view expected) {
        if (!skip(expected))
            throw FormatError("unexpected member in a line of the stream");
    }

    // The scanner stands at the character after the opening quote; the step takes the closing quote, too. Few strings have a backslash
    // before their first quote, and a string without one costs no more than memchr() for the quote.
    std::string_view string() {
        const void *quote = memchr(rest_.data(), '"', rest_.size());
        if (quote == nullptr)
            throw FormatError("unterminated string in a line of the stream");
        size_t at = static_cast<size_t>(static_cast<const char *>(quote) - rest_.data());
        if (at > 0 && rest_[at - 1] == '\\')
            at = end_with_escapes(at);
        std::string_view content = rest_.substr(0, at);
        rest_.remove_prefix(at + 1);
        return content;
    }

    uint64_t number() {
        uint64_t value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (error != std::errc())
            throw FormatError("number expected in a line of the stream");
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        return value;
    }

    Lsn lsn() {
        std::optional<Lsn> lsn = parse_lsn(string());
        if (!lsn)
            throw FormatError("LSN expected in a line of the stream");
        return *lsn;
    }

    void end() const {
        if (!rest_.empty())
            throw FormatError("text after the end of a line of the stream");
    }

private:
    // A quote at `at` has a backslash before it. Returns where the string ends.
    [[gnu::noinline]] size_t end_with_escapes(size_t at) const {
        for (;;) {
            size_t slash = at;
            while (slash > 0 && rest_[slash - 1] == '\\')
                slash--;
            if ((at - slash) % 2 == 0)
                return at;
            at = rest_.find('"', at + 1);
            if (at == std::string_view::npos)
                throw FormatError("unterminated string in a line of the stream");
        }
    }

    std::string_view rest_;
};

} // namespace outbox
