#include "config/commands.h"

namespace outbox {

DoctorCommand doctor_command(const Values &values, KafkaTarget kafka) {
    return {.dsn = values.dsn,
            .slot = values.slot,
            .topics = values.topics,
            .delivery = values.delivery,
            .kafka = std::move(kafka),
            .json = values.json};
}

} // namespace outbox
