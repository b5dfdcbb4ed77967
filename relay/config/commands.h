// The commands with which an operator looks at what runs, each with its settings. Tested by the tests of the commands.
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
    std::string topics; // the relay's
    Delivery delivery = Delivery::at_least_once;
    KafkaTarget kafka; // without brokers the doctor does not look at Kafka
    bool probe = false;
    std::string standby;           // a connection string; empty: the doctor looks at no standby
    std::optional<Endpoint> relay; // where the relay's status server listens
    bool json = false;
};

struct DrainCommand {
    Login login;
    std::string slot;
    std::optional<Lsn> until;        // nullopt: everything that is committed when drain begins
    std::chrono::seconds timeout{0}; // 0: no limit
    bool json = false;
};

struct TailCommand {
    Login login;
    std::string slot;
    std::string topics; // shows only these topics; empty: all
    uint64_t limit = 0; // events; 0: no limit
    uint64_t sample = 1;
    bool since_confirmed = false;
    bool json = false;
};

struct StatusCommand {
    Login login;
    std::string slot;
    std::optional<Endpoint> relay; // where the relay's status server listens
    bool watch = false;
    bool json = false;
};

struct DeadLettersCommand {
    KafkaTarget kafka;
    std::string topic; // a topic for events; empty: all
    uint64_t limit = 0;
    bool json = false;
};

// Each makes the command of the settings' values. Throws std::invalid_argument.
DoctorCommand doctor_command(const Values &values, Login login, KafkaTarget kafka);
DrainCommand drain_command(const Values &values, Login login);
TailCommand tail_command(const Values &values, Login login);
StatusCommand status_command(const Values &values, Login login);
DeadLettersCommand dead_letters_command(const Values &values, KafkaTarget kafka);

// The address at which to ask the relay that --listen describes: a relay listens everywhere on 0.0.0.0 and [::]. nullopt: none, or no
// certain port.
std::optional<Endpoint> relay_address(const Values &values);

} // namespace outbox
