#include "core/quarantine.h"

#include <algorithm>

namespace outbox {

void Quarantine::follow(bool to_dead_letters, const std::set<std::string> &skipped_ids) {
    to_dead_letters_ = to_dead_letters;
    for (const std::string &id : skipped_ids)
        skips_.try_emplace(id);
    std::erase_if(refusals_, [](const auto &entry) { return entry.second.stops; });
}

void Quarantine::forget_before(Lsn confirmed) { refusals_.erase(refusals_.begin(), refusals_.upper_bound({confirmed, UINT64_MAX})); }

Form Quarantine::form_of(EventPosition position, std::string_view id) {
    if (!skips_.empty()) {
        auto skip = skips_.find(id);
        if (skip != skips_.end() && !skip->second.position)
            skip->second.position = position;
        if (skip != skips_.end() && skip->second.position == position)
            return Form::note;
    }
    const Refusal *refusal = find(position);
    return refusal == nullptr ? Form::event : refusal->form;
}

const Quarantine::Refusal *Quarantine::find(EventPosition position) const {
    if (refusals_.empty())
        return nullptr;
    auto found = refusals_.find(position);
    return found == refusals_.end() ? nullptr : &found->second;
}

bool Quarantine::stops_at(EventPosition position) const {
    const Refusal *refusal = find(position);
    return refusal != nullptr && refusal->stops;
}

bool Quarantine::refused(EventPosition position, int error) {
    auto [entry, is_new] = refusals_.try_emplace(position);
    Refusal &refusal = entry->second;
    if (is_new)
        refusal.error = error;
    else
        refusal.letter_error = error;
    bool is_skipped = std::any_of(skips_.begin(), skips_.end(), [&](const auto &skip) { return skip.second.position == position; });
    bool is_last = is_skipped || !to_dead_letters_ || refusal.form == Form::bare_letter;
    if (is_last)
        refusal.stops = true;
    else
        refusal.form = static_cast<Form>(static_cast<uint8_t>(refusal.form) + 1);
    return !is_last;
}

void Quarantine::settled(EventPosition position, Form form) {
    if (form == Form::note) {
        for (auto &[id, skip] : skips_)
            skip.is_settled |= skip.position == position;
    }
    refusals_.erase(position);
}

std::optional<Lsn> Quarantine::skips_end() const {
    Lsn end{};
    for (const auto &[id, skip] : skips_) {
        if (!skip.is_settled)
            return std::nullopt;
        end = std::max(end, skip.position->end);
    }
    return end;
}

} // namespace outbox
