// Entries by name, for a look-up with each event: where thousands of topics take turns, nothing of them stays in the processor's cache, and
// each line of memory that a look-up touches costs as much as the rest of it. This one touches a slot of the table, and the entry with its
// name. Entries are never removed: the owner bounds their number. Pure. Tested by test/unit/by_name_test.cpp.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

template <class Entry>
class ByName {
public:
    struct Named {
        std::string name;
        Entry entry = {};
    };

    // Null: at() has not met the name. An entry stays where it is for as long as the ByName.
    Entry *find(std::string_view name) {
        const Slot &slot = slot_of(slots_, name, hash_of(name));
        return slot.named == nullptr ? nullptr : &slot.named->entry;
    }

    // Makes the entry where there is none.
    Entry &at(std::string_view name) {
        if (Entry *known = find(name))
            return *known;
        if (2 * (named_.size() + 1) > slots_.size())
            grow();
        size_t hash = hash_of(name);
        Named &made = named_.emplace_back(Named{std::string(name)});
        slot_of(slots_, name, hash) = {hash, &made};
        return made.entry;
    }

    size_t size() const { return named_.size(); }
    auto begin() { return named_.begin(); } // in the order in which they were made
    auto end() { return named_.end(); }

private:
    static constexpr size_t slots_min = 16; // a power of two, as every size of the table

    struct Slot {
        size_t hash = 0;
        Named *named = nullptr; // null: the slot is free
    };
    using Slots = std::vector<Slot>; // at most half of them are taken

    static size_t hash_of(std::string_view name) { return std::hash<std::string_view>()(name); }

    // The name's slot, or the free one where it belongs.
    static Slot &slot_of(Slots &slots, std::string_view name, size_t hash) {
        size_t last = slots.size() - 1, i = hash & last;
        while (slots[i].named != nullptr && (slots[i].hash != hash || slots[i].named->name != name))
            i = (i + 1) & last;
        return slots[i];
    }

    void grow() {
        Slots larger(2 * slots_.size());
        for (const Slot &slot : slots_)
            if (slot.named != nullptr)
                slot_of(larger, slot.named->name, slot.hash) = slot;
        slots_.swap(larger);
    }

    std::deque<Named> named_;
    Slots slots_ = Slots(slots_min);
};

} // namespace outbox
