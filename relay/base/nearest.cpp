#include "base/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace outbox {
namespace {

size_t distance(std::string_view one, std::string_view other) {
    std::vector<size_t> row(other.size() + 1); // the distance of the part of `one` seen so far to each beginning of `other`
    std::iota(row.begin(), row.end(), 0);
    for (size_t i = 0; i < one.size(); i++) {
        size_t diagonal = std::exchange(row[0], i + 1);
        for (size_t j = 0; j < other.size(); j++) {
            size_t substituted = diagonal + (one[i] != other[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string nearest(std::string_view text, const std::vector<std::string> &known) {
    return *std::min_element(known.begin(), known.end(),
                             [&](const std::string &a, const std::string &b) { return distance(text, a) < distance(text, b); });
}

} // namespace outbox
