// The commands of an operator that look at what runs, each with its settings. Tested by the tests of the commands.
#pragma once

#include "config/settings.h"
#include "kafka/target.h"
#include "postgres/login.h"

#include <chrono>
#include <string>

namespace outbox {

struct DoctorCommand {
    Login login;
    std::string slot;
    std::string topics; // of the relay
    Delivery delivery = Delivery::at_least_once;
    KafkaTarget kafka; // without brokers Kafka is not looked at
    bool json = false;
};

// From what the settings say. Throw std::invalid_argument.
DoctorCommand doctor_command(const Values &values, Login login, KafkaTarget kafka);

} // namespace outbox
