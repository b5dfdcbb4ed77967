// The finding of one check of the doctor: a verdict, one sentence, and the repair. Pure.
#pragma once

#include "base/shell_quoted.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace outbox {

enum class Verdict { ok, skip, warn, fail }; // from good to bad

const char *word_of(Verdict verdict); // "OK", "SKIP", "WARN", "FAIL"

struct Finding {
    Verdict verdict = Verdict::ok;
    std::string sentence;
    std::vector<std::string> repair = {}; // lines to paste: a statement ends with ";" and is for psql, a command is for the shell
    std::string then = {};                // what is left to do by hand; empty: nothing
};

inline Finding ok(std::string sentence) { return {Verdict::ok, std::move(sentence)}; }
inline Finding warn(std::string sentence, std::vector<std::string> repair = {}, std::string then = {}) {
    return {Verdict::warn, std::move(sentence), std::move(repair), std::move(then)};
}
inline Finding fail(std::string sentence, std::vector<std::string> repair = {}, std::string then = {}) {
    return {Verdict::fail, std::move(sentence), std::move(repair), std::move(then)};
}

std::string bytes_text(double bytes); // "16.8 MB"

// The reason why a check cannot run, or has nothing to look at.
class Skipped : public std::runtime_error {
public:
    explicit Skipped(const std::string &reason, std::vector<std::string> repair = {})
        : std::runtime_error(reason), repair_(std::move(repair)) {}
    const std::vector<std::string> &repair() const { return repair_; }

private:
    std::vector<std::string> repair_;
};

} // namespace outbox
