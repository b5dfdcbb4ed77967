// outbox-relay: streams the events of PostgreSQL's outbox extension to Kafka. main() reads the options, execute() runs the command, and the
// exit status tells a supervisor how the command ended.
#include "base/left_behind.h"
#include "base/log_fields.h"
#include "base/signals.h"
#include "base/standard_files.h"
#include "command/config.h"
#include "command/dead_letters.h"
#include "command/doctor/doctor.h"
#include "command/drain.h"
#include "command/health.h"
#include "command/setup.h"
#include "command/status.h"
#include "command/tail.h"
#include "config/dsn.h"
#include "config/exposure.h"
#include "config/libraries.h"
#include "config/options.h"
#include "config/reload.h"
#include "kafka/at_least_once_sink.h"
#include "kafka/exactly_once_sink.h"
#include "kafka/librdkafka_version.h"
#include "kafka/state_topic.h"
#include "loop/last_words.h"
#include "loop/relay.h"
#include "postgres/shutdown_probe.h"
#include "postgres/slot_watch.h"
#include "watch/http_server.h"
#include "watch/service_notify.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

using namespace outbox;

// Warns of passwords among the arguments, since every user of the machine can read a command line.
void warn_of_visible_secrets(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        std::string_view argument = argv[i];
        if (argument.starts_with("-X"))
            argument.remove_prefix(2);
        for (const Setting &row : settings())
            if (std::string flag = std::string("--") + row.key + "="; (row.traits & secret) != 0 && argument.starts_with(flag))
                argument.remove_prefix(flag.size());
        std::string_view property = argument.substr(0, argument.find('='));
        if (property.size() < argument.size() && property != "password" && is_secret(property))
            spdlog::warn("\"{}\" on the command line is visible to every user of this machine; use --property-file", property);
        else if (has_password(std::string(argument)))
            spdlog::warn("the password on the command line is visible to every user of this machine; use PGPASSFILE");
    }
}

std::unique_ptr<Sink> make_sink(RunCommand &command, DeliveryListener &listener, Budget &budget) {
    if (command.to_stdout)
        return std::make_unique<StdoutSink>(command.format, listener);
    if (command.delivery == Delivery::exactly_once)
        return std::make_unique<ExactlyOnceSink>(command.kafka, command.commit_interval, budget, listener);
    return std::make_unique<AtLeastOnceSink>(command.kafka, budget, listener);
}

// Prepares the state topic, which gets the note of a skipped event whatever the delivery, and the goal: the relay ends when every skip is
// confirmed.
void prepare_skip(RunCommand &command, Signals &signals) {
    ensure_state_topic(command.kafka, signals);
    command.relay.goal = Goal([&command] { return command.kafka.skips_end(); },
                              "no event with the id " + *command.kafka.skip_ids.begin() + " waits for delivery");
}

void print_version(const VersionCommand &command) {
    std::cout << version_text() << (command.verbose ? "\n" + libraries_text() : "") << std::endl;
    for (const std::string &remark : {librdkafka_refusal(rd_kafka_version(), "SCRAM-"), librdkafka_risk(rd_kafka_version())})
        if (!remark.empty())
            std::cerr << "warning: " << remark << std::endl;
}

// Logs the slot, the server, the target and the delivery as the log's first line.
void say_what_runs(const RunCommand &command) {
    std::string target = command.to_stdout ? "standard output" : "Kafka at " + command.kafka.brokers;
    say(spdlog::level::info, {.event = LogEvent::started}, "{}: from slot \"{}\" of {} to {}, {}", version_text(), command.stream.slot,
        describe_source(command.stream.login.dsn), target, command.delivery == Delivery::exactly_once ? "exactly once" : "at least once");
}

About about(const RunCommand &command) {
    const char *delivery = command.to_stdout                            ? "standard output"
                           : command.delivery == Delivery::exactly_once ? "exactly once"
                                                                        : "at least once";
    return {command.stream.slot, describe_source(command.stream.login.dsn), delivery, command.stream.topics};
}

int run_relay(RunCommand &run, const Reload &reload, Signals &signals) {
    if (!run.kafka.brokers.empty())
        run.risks.push_back(librdkafka_risk(rd_kafka_version()));
    for (const std::string &risk : run.risks)
        if (!risk.empty())
            spdlog::warn("{}", risk);
    if (!run.kafka.skip_ids.empty())
        prepare_skip(run, signals);
    Status status;
    status.about = about(run);
    run.kafka.learned.tallies = status.tallies;
    std::optional<HttpServer> server;
    if (run.listen)
        server.emplace(*run.listen, status);
    Stream stream(run.stream);
    ShutdownProbe probe(run.stream.login, stream);
    SlotWatch slot_watch(run.stream.login, run.stream.slot, stream, status.slot);
    ServiceNotify service;
    Relay relay(run.relay, {.upstream = stream,
                            .shutdown = probe,
                            .slot = slot_watch,
                            .make_sink = [&](DeliveryListener &listener, Budget &budget) { return make_sink(run, listener, budget); },
                            .on_state = [&](RelayState state) { service.tell(state, Clock::now()); },
                            .on_reload =
                                [&] {
                                    reload.apply_to(run);
                                    return run.relay.bounds;
                                },
                            .status = status,
                            .signals = signals.descriptor()});
    try {
        relay.run();
    } catch (const Failure &failure) {
        if (server && failure.code() == ExitCode::slot_unusable)
            say_last_words(status, slot_watch, signals.descriptor(), failure.what());
        throw;
    }
    if (auto signal = relay.interrupted_by()) // `skip` ends by a signal before its event was met
        throw Interrupted(*signal);
    return 0;
}

// Runs one command, and returns its exit status. Each kind of command has a function.
struct Execution {
    const Reload &reload;
    Signals &signals;

    int operator()(RunCommand &run) const { return run_relay(run, reload, signals); }
    int operator()(const SetupCommand &setup) const {
        signals.stop_if_asked();
        set_up(setup, signals);
        return 0;
    }
    int operator()(const HealthCommand &health) const { return ask_health(health); }
    int operator()(const DoctorCommand &doctor) const { return examine(doctor, signals); }
    int operator()(const DrainCommand &command) const { return drain(command, signals); }
    int operator()(const StatusCommand &command) const { return show_status(command, signals); }
    int operator()(const DeadLettersCommand &command) const { return list_dead_letters(command, signals); }
    int operator()(const TailCommand &command) const { return tail(command, signals); }
    int operator()(const ShowConfigCommand &show) const {
        show_config(show);
        return 0;
    }
    int operator()(const CheckConfigCommand &) const {
        say_config_is_good();
        return 0;
    }
    int operator()(const CompletionCommand &completion) const {
        std::cout << completion.script << std::flush;
        return 0;
    }
    int operator()(const VersionCommand &version) const {
        print_version(version);
        return 0;
    }
};

int execute(int argc, char **argv, Signals &signals) {
    Options options = parse_options(argc, argv);
    start_logging(options.log_format, options.log_level);
    prctl(PR_SET_DUMPABLE, 0); // a core file would have events in it
    const auto *run = std::get_if<RunCommand>(&options.command);
    if (run != nullptr) {
        log_slot(run->stream.slot);
        say_what_runs(*run);
    }
    warn_of_visible_secrets(argc, argv);
    for (const std::string &exposed : run != nullptr ? exposed_secrets(options.effective) : std::vector<std::string>())
        say(spdlog::level::warn, {.event = LogEvent::exposed}, "{}", exposed);
    Reload reload(argc, argv, options.effective);
    return std::visit(Execution{reload, signals}, options.command);
}

} // namespace

// The commands and their errors, as the exit status.
static int run(int argc, char **argv) {
    start_logging(LogFormat::text, spdlog::level::info);
    try {
        Signals signals; // before the first thread, since each thread inherits the mask
        int status = execute(argc, argv, signals);
        if (!std::cout.flush() && stdout_has_reader())
            throw std::runtime_error("cannot write to standard output; what the command printed is not all there");
        return status;
    } catch (const Interrupted &asked) {
        spdlog::info("{}", asked.what());
        return asked.exit_status();
    } catch (const Failure &failure) {
        if (failure.code() == ExitCode::usage)
            std::cerr << "outbox-relay: " << failure.what() << std::endl;
        else
            say(spdlog::level::err, {.event = LogEvent::failed, .code = std::to_string(static_cast<int>(failure.code()))}, "{}",
                failure.what());
        return static_cast<int>(failure.code());
    } catch (const PositionRefused &refused) {
        say(spdlog::level::err, {.event = LogEvent::failed, .code = std::to_string(static_cast<int>(ExitCode::position_refused))}, "{}",
            refused.what());
        return static_cast<int>(ExitCode::position_refused);
    } catch (const std::exception &error) {
        say(spdlog::level::err, {.event = LogEvent::failed, .code = std::to_string(static_cast<int>(ExitCode::unexpected))}, "{}",
            error.what());
        return static_cast<int>(ExitCode::unexpected);
    }
}

int main(int argc, char **argv) {
#ifdef __GLIBC__
    // Without fast bins. The relay frees many small blocks between two large allocations, one a CopyData, and glibc's malloc_consolidate()
    // would go through the fast bins for each of the large ones.
    mallopt(M_MXFAST, 0);
#endif
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow is a full disk to the relay
    hold_standard_files();
    int status = run(argc, argv);
    if (threads_left_behind > 0) {
        std::cout.flush();
        spdlog::default_logger()->flush();
        _exit(status);
    }
    return status;
}
