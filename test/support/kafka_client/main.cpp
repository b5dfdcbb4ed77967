// kafka-client: the tests' view of a broker, through librdkafka and without the relay's code, so that a wrong assumption of the relay is
// not repeated here. The program is no general tool: it knows one broker, and other programs read its output. test/t/002_records.t
// compares its output with the emitted events.
#include "test/support/kafka_client/commands.h"

#include <cstdio>

using namespace kafka_client;

namespace {

constexpr const char *usage_text = "usage: kafka-client BROKERS ready [SECONDS [NODES]]\n"
                                   "       kafka-client BROKERS in-sync [SECONDS]\n"
                                   "       kafka-client BROKERS create-topic NAME PARTITIONS [CONFIG=VALUE]...\n"
                                   "       kafka-client BROKERS create-topics PREFIX COUNT PARTITIONS\n"
                                   "       kafka-client BROKERS configure-topic NAME CONFIG=VALUE...\n"
                                   "       kafka-client BROKERS add-partitions NAME PARTITIONS\n"
                                   "       kafka-client BROKERS delete-topic NAME\n"
                                   "       kafka-client BROKERS consume TOPIC...\n"
                                   "       kafka-client BROKERS trim TOPIC...\n"
                                   "       kafka-client BROKERS ends TOPIC...\n"
                                   "       kafka-client BROKERS leaders TOPIC...\n";

struct Command {
    std::string_view name;
    size_t min_arguments;
    void (*run)(const char *brokers, Arguments arguments);
};
constexpr Command commands[] = {{"ready", 0, ready},
                                {"in-sync", 0, in_sync},
                                {"create-topic", 2, create_topic},
                                {"create-topics", 3, create_topics},
                                {"configure-topic", 2, configure_topic},
                                {"add-partitions", 2, add_partitions},
                                {"delete-topic", 1, delete_topic},
                                {"consume", 1, consume},
                                {"trim", 1, trim},
                                {"ends", 1, ends},
                                {"leaders", 1, leaders}};

} // namespace

int main(int argc, char **argv) {
    const Arguments arguments(argv, argc);
    try {
        for (const Command &command : commands)
            if (argc > 2 && command.name == argv[2] && arguments.size() - 3 >= command.min_arguments) {
                command.run(argv[1], arguments.subspan(3));
                return 0;
            }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "kafka-client: %s\n", error.what());
        return 1;
    }
    std::fputs(usage_text, stderr);
    return 2;
}
