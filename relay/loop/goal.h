// The goal at which a relay ends by itself: none for `run`; for `skip`, that the slot is confirmed up to a position behind the skipped
// events, which is known once the relay has met them. Pure. Tested by test/unit/goal_test.cpp.
#pragma once

#include "base/exit_code.h"
#include "core/source.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>

namespace outbox {

class Goal {
public:
    using Position = std::function<std::optional<Lsn>()>; // nullopt: not known yet

    Goal() = default; // the relay has no goal
    Goal(Position position, std::string text_where_missed)
        : position_(std::move(position)), text_where_missed_(std::move(text_where_missed)) {}

    bool is_never() const { return !position_; }

    // True where the slot is confirmed up to the position.
    bool is_reached(Lsn confirmed) const {
        std::optional<Lsn> position = position_ ? position_() : std::nullopt;
        return position && confirmed >= *position;
    }

    // True where everything that the server had at the start of the stream is delivered, and the position is still not known.
    bool is_missed(Lsn delivered, const Source &at_start) const {
        return position_ && !position_() && std::max(delivered, at_start.confirmed) >= at_start.wal_end;
    }
    Failure failure() const { return Failure(ExitCode::unexpected, text_where_missed_); }

private:
    Position position_;
    std::string text_where_missed_;
};

} // namespace outbox
