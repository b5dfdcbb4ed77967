// The material for rows of settings: checks of a text, and the place of a value. Included by the tables of the settings only
// (settings_of_*.cpp).
#pragma once

#include "config/dsn.h"
#include "config/settings.h"
#include "config/values.h"
#include "core/wire.h"

#include <charconv>
#include <optional>

namespace outbox {

// The tables, in the order of docs/relay.md.
std::span<const Setting> settings_of_connections();
std::span<const Setting> settings_of_delivery();
std::span<const Setting> settings_of_commands();

// ---- numbers, and words of which one has to be chosen ---------------------------------------------------------------

inline std::optional<long long> number_of(const std::string &text) {
    long long value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

struct Range {
    long long from, to;
    const char *unit;
};

template <const Range &range>
std::string check_range(const std::string &text) {
    std::optional<long long> value = number_of(text);
    bool is_in = value && *value >= range.from && *value <= range.to;
    return is_in ? "" : fmt::format("expected a number of {} from {} to {}", range.unit, range.from, range.to);
}

template <class Value>
struct Choice {
    const char *name;
    Value value;
};

template <const auto &choices>
std::vector<std::string> names_of() {
    std::vector<std::string> names;
    for (const auto &choice : choices)
        names.emplace_back(choice.name);
    return names;
}

template <const auto &choices>
std::string check_choice(const std::string &text) {
    std::string names;
    for (const std::string &name : names_of<choices>()) {
        if (text == name)
            return "";
        names += (names.empty() ? "" : ", ") + name;
    }
    return "expected one of: " + names;
}

// ---- where a value goes ---------------------------------------------------------------------------------------------

template <auto member>
void assign(Values &values, const std::string &text) {
    auto &value = values.*member;
    using Value = std::remove_reference_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, std::string>)
        value = text;
    else if constexpr (std::is_same_v<Value, std::vector<std::string>>)
        value.push_back(text);
    else
        value = Value(*number_of(text)); // check() has passed the text
}

template <const auto &choices, auto member>
void choose(Values &values, const std::string &text) {
    for (const auto &choice : choices)
        if (text == choice.name)
            values.*member = choice.value;
}

template <const auto &choices, auto member>
constexpr Target one_of() {
    return {check_choice<choices>, choose<choices, member>, nullptr, names_of<choices>};
}

constexpr unsigned in_relay = in_run | in_skip, in_all = in_relay | in_setup | in_doctor,
                   in_postgres = in_all | in_drain | in_tail | in_status;

} // namespace outbox
