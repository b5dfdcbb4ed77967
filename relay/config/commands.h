// The commands of an operator that look at what runs, each with its settings. Tested by the tests of the commands.
#pragma once

#include "config/settings.h"
#include "core/wire.h"
#include "kafka/target.h"
#include "postgres/login.h"
#include "watch/endpoint.h"

#include <chrono>
#include <optional>
#include <string>

namespace outbox {

struct DoctorCommand {
    Login login;
    std::string slot;
    std::string topics; // of the relay
    Delivery delivery = Delivery::at_least_once;
    KafkaTarget kafka; // without brokers Kafka is not looked at
    bool probe = false;
    std::string standby; // a connection string; empty: none is looked at
    bool json = false;
};

struct DrainCommand {
    Login login;
    std::string slot;
    std::optional<Lsn> until;        // nullopt: everything that is committed now
    std::chrono::seconds timeout{0}; // 0: for ever
    bool json = false;
};

struct TailCommand {
    Login login;
    std::string slot;
    std::string topics; // only these; empty: all
    uint64_t limit = 0; // 0: none
    uint64_t sample = 1;
    bool since_confirmed = false;
    bool json = false;
};

struct StatusCommand {
    Login login;
    std::string slot;
    std::optional<Endpoint> relay; // where one answers
    bool watch = false;
    bool json = false;
};

struct DeadLettersCommand {
    KafkaTarget kafka;
    std::string topic; // for events; empty: all
    uint64_t limit = 0;
    bool json = false;
};

// From what the settings say. Throw std::invalid_argument.
DoctorCommand doctor_command(const Values &values, Login login, KafkaTarget kafka);
DrainCommand drain_command(const Values &values, Login login);
TailCommand tail_command(const Values &values, Login login);
StatusCommand status_command(const Values &values, Login login);
DeadLettersCommand dead_letters_command(const Values &values, KafkaTarget kafka);

// The address of --listen as one to ask at: a relay listens everywhere on 0.0.0.0 and [::]. nullopt: none, or no certain port.
std::optional<Endpoint> relay_address(const Values &values);

} // namespace outbox
