// Times and their quantiles. All times are kept, so the tail is exact.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

class Quantiles {
public:
    void add_us(int64_t time_us) { times_us_.push_back(time_us); }
    size_t size() const { return times_us_.size(); }

    // {"0.5":…,…,"1":…} in milliseconds; "1" is the maximum.
    std::string json() {
        std::sort(times_us_.begin(), times_us_.end());
        std::string text;
        for (const char *share : {"0.1", "0.5", "0.75", "0.9", "0.95", "0.99", "0.995", "0.999", "0.9995", "0.9999", "1"}) {
            char member[64];
            std::snprintf(member, sizeof(member), "%c\"%s\":%.3f", text.empty() ? '{' : ',', share, at(std::stod(share)));
            text += member;
        }
        return text + "}";
    }

private:
    // The smallest time that this share of all times does not exceed.
    double at(double share) const {
        if (times_us_.empty())
            return 0;
        const size_t rank = static_cast<size_t>(std::ceil(share * static_cast<double>(times_us_.size())));
        return static_cast<double>(times_us_[std::max<size_t>(rank, 1) - 1]) / 1000;
    }

    std::vector<int64_t> times_us_;
};

} // namespace bench
