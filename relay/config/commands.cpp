#include "config/commands.h"

namespace outbox {

DoctorCommand doctor_command(const Values &values, Login login, KafkaTarget kafka) {
    return {.login = std::move(login),
            .slot = values.slot,
            .topics = values.topics,
            .delivery = values.delivery,
            .kafka = std::move(kafka),
            .json = values.json};
}

} // namespace outbox
