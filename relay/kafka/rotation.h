// Passwords and certificates that change while the relay runs: the property file, and the files that properties name, are looked at again
// when Kafka refuses the connection, when a producer is made, and on SIGHUP. librdkafka loads them once, so a change takes a new producer.
// Tested by test/unit/rotation_test.cpp and test/t/064_rotation.t.
#pragma once

#include "kafka/producer.h"
#include "kafka/target.h"

#include <chrono>
#include <string>
#include <vector>

namespace outbox {

// What tells one state of the properties and of the files that they name from another. Has no secret in it.
std::string fingerprint(const std::vector<KafkaProperty> &properties);

// Reads the target's property file again. True where the properties, or the files that they name, are others than before. Where what is
// there cannot be used, says so and leaves the target as it is.
bool reread_properties(KafkaTarget &target);

// When to look for a change, and when to try with a new producer whatever has changed. Pure.
class Rotation {
public:
    using Time = std::chrono::steady_clock::time_point;
    enum class Step { none, look, renew };

    // Called often; says `look` now and then while Kafka refuses the connection, and `renew` after a minute of refusals.
    Step step(bool is_refused, Time now);

private:
    static constexpr std::chrono::seconds look_interval{2}, renew_after{60};

    Time refused_since_ = Time::max(), look_at_{};
};

// When a sink's producer has to give way to a new one. Throws SinkFailure then: the relay goes on from the slot.
class Renewal {
public:
    // An operator says that something has changed. Null: there is no producer yet.
    void ask(KafkaTarget &target, const KafkaProducer *producer);
    bool is_asked() const { return is_asked_; } // nothing more is to be taken, so that nothing has to be repeated

    // `is_idle`: nothing is in flight.
    void serve(KafkaTarget &target, const KafkaProducer &producer, bool is_idle);

private:
    Rotation rotation_;
    bool is_asked_ = false;
};

} // namespace outbox
