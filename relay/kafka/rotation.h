// Passwords and certificates that change while the relay runs. The relay looks at the property file, and at the files that properties name,
// when Kafka refuses the connection, when a producer is made, and on SIGHUP. librdkafka loads the files once, so a change takes a new
// producer. Tested by test/unit/rotation_test.cpp and test/t/064_rotation.t.
#pragma once

#include "kafka/producer.h"
#include "kafka/target.h"

#include <chrono>
#include <string>
#include <vector>

namespace outbox {

// A text that differs where the properties or the files that they name differ. Has no secret.
std::string fingerprint(const std::vector<KafkaProperty> &properties);

// Reads the target's property file again. True where the properties, or the files that they name, have changed. Where the file cannot be
// used, logs why and leaves the target as it is.
bool reread_properties(KafkaTarget &target);

// When the relay looks for a change, and when it tries a new producer whatever has changed. Pure.
class Rotation {
public:
    using Time = std::chrono::steady_clock::time_point;
    enum class Step { none, look, renew };

    // Called often. Says `look` now and then while Kafka refuses the connection, and `renew` after a minute of refusals.
    Step step(bool is_refused, Time now);

private:
    static constexpr std::chrono::seconds look_interval{2}, renew_after{60};

    Time refused_since_ = Time::max(), look_at_{};
};

// Decides when a sink's producer gives way to a new one, and throws SinkFailure then: the relay goes on from the slot.
class Renewal {
public:
    // An operator says that passwords or certificates have changed. `producer`: null while there is none.
    void ask(KafkaTarget &target, const KafkaProducer *producer);
    bool is_asked() const { return is_asked_; } // the sink takes no more events, so that none is repeated

    // `is_idle`: nothing is in flight.
    void serve(KafkaTarget &target, const KafkaProducer &producer, bool is_idle);

private:
    Rotation rotation_;
    bool is_asked_ = false;
};

} // namespace outbox
