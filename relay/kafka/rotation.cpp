#include "kafka/rotation.h"

#include "base/log.h"
#include "kafka/property_sources.h"

#include <sys/stat.h>

#include <functional>
#include <utility>

namespace outbox {
namespace {

// True for ssl.ca.location, ssl.key.location, ssl.keystore.location, sasl.kerberos.keytab and the like.
bool names_file(std::string_view property) { return property.ends_with(".location") || property.ends_with(".keytab"); }

std::string stamp_of(const std::string &path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0)
        return "none";
    return fmt::format("{}.{}.{}.{}", file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

} // namespace

std::string fingerprint(const std::vector<KafkaProperty> &properties) {
    std::string text;
    for (const auto &[property, value] : properties)
        text += fmt::format("{} {:x} {}\n", property, std::hash<std::string>{}(value), names_file(property) ? stamp_of(value) : "");
    return text;
}

bool reread_properties(KafkaTarget &target) {
    std::vector<KafkaProperty> properties;
    try {
        properties = gather_properties(target.base_properties, target.property_file, target.own_properties);
        if (properties.empty() && target.property_file.empty())
            properties = target.properties;
        std::string print = fingerprint(properties);
        if (print == target.learned.reading.fingerprint)
            return false;
        bool is_first = std::exchange(target.learned.reading.fingerprint, print).empty(); // the start has checked the properties
        if (!is_first)
            check_kafka_properties(properties, target.exactly_once);
        target.properties = std::move(properties);
        target.learned.reading.trouble.clear();
        return !is_first;
    } catch (const std::invalid_argument &error) {
        if (target.learned.reading.trouble.changed(error.what()))
            spdlog::warn("the Kafka properties cannot be read again: {}; the relay goes on with the earlier properties", error.what());
        return false;
    }
}

void Renewal::ask(KafkaTarget &target, const KafkaProducer *producer) {
    is_asked_ = reread_properties(target) || (producer != nullptr && producer->kafka().is_refused());
    spdlog::info("asked to look for other passwords and certificates of Kafka: {}", is_asked_ ? "making a new producer" : "there are none");
}

void Renewal::serve(KafkaTarget &target, const KafkaProducer &producer, bool is_idle) {
    const Reachability &kafka = producer.kafka();
    if (is_asked_ && (is_idle || kafka.is_refused()))
        throw SinkFailure("passwords or certificates of Kafka have changed", true);
    switch (rotation_.step(kafka.is_refused() && producer.is_a_matter(), Clock::now())) {
    case Rotation::Step::none: return;
    case Rotation::Step::look:
        if (reread_properties(target))
            throw SinkFailure(kafka.sentence() + "; the properties have changed since", true);
        return;
    case Rotation::Step::renew: throw SinkFailure(kafka.sentence(), true); // a change may not show in any file's stamp
    }
}

Rotation::Step Rotation::step(bool is_refused, Time now) {
    if (!is_refused) {
        refused_since_ = Time::max();
        return Step::none;
    }
    if (refused_since_ == Time::max()) {
        refused_since_ = now;
        look_at_ = now;
    }
    if (now - refused_since_ >= renew_after) {
        refused_since_ = now;
        return Step::renew;
    }
    if (now < look_at_)
        return Step::none;
    look_at_ = now + look_interval;
    return Step::look;
}

} // namespace outbox
