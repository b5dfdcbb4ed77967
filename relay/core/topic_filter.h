// Chooses the topics that a relay delivers, where the output plugin does not choose them, by the same rules as the plugin option `topics`.
// Pure. Tested by test/unit/topic_filter_test.cpp. relay/config/values.cpp checks the option's text; outbox_ext/plugin_options.cpp is the
// plugin's own filter.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

class TopicFilter {
public:
    // `names`: names of topics separated by commas, each with an optional "*" at its end. Empty: all topics.
    explicit TopicFilter(std::string_view names) {
        for (size_t from = 0; from < names.size();) {
            size_t end = std::min(names.find(',', from), names.size());
            add(names.substr(from, end - from));
            from = end + 1;
        }
    }

    bool wants(std::string_view topic) const {
        auto fits = [&](const Pattern &pattern) { return pattern.is_prefix ? topic.starts_with(pattern.text) : topic == pattern.text; };
        return patterns_.empty() || std::any_of(patterns_.begin(), patterns_.end(), fits);
    }

private:
    struct Pattern {
        std::string text;
        bool is_prefix;
    };

    void add(std::string_view name) {
        size_t first = name.find_first_not_of(' '), last = name.find_last_not_of(' ');
        name = first == std::string_view::npos ? std::string_view() : name.substr(first, last - first + 1);
        bool is_prefix = name.ends_with('*');
        patterns_.push_back({std::string(name.substr(0, name.size() - is_prefix)), is_prefix});
    }

    std::vector<Pattern> patterns_;
};

} // namespace outbox
