// The sample order service: an application that publishes events with outbox. It uses PostgreSQL and HTTP, and knows nothing of Kafka.
// test/t/030_orders.t tests it, and `make demo` runs it.

#include "service.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

namespace {

struct Options {
    std::string listen = "127.0.0.1";
    int port = 8080;
    std::string dsn;
};

void add_options(CLI::App &app, Options &options) {
    app.add_option("--listen", options.listen, "address to listen on")->envname("LISTEN")->capture_default_str();
    app.add_option("--port", options.port, "port to listen on, 0: any free one")
        ->envname("PORT")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    app.add_option("--dsn", options.dsn, "connection string, else libpq's own variables")->envname("ORDERS_DSN");
}

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

int bind(httplib::Server &server, const Options &options) {
    if (options.port == 0)
        return server.bind_to_any_port(options.listen);
    return server.bind_to_port(options.listen, options.port) ? options.port : -1;
}

void serve_until_signal(httplib::Server &server, const sigset_t &signals) {
    std::thread listener([&server] {
        if (!server.listen_after_bind())
            kill(getpid(), SIGTERM);
    });
    while (!server.is_running()) // before that, stop() would do nothing
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    int signal;
    sigwait(&signals, &signal);
    server.stop();
    listener.join();
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    CLI::App app("Sample order service: POST /orders {\"item\":\"Macbook\"}, GET /orders, GET /healthz");
    add_options(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    const sigset_t signals = stop_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr); // in every thread: only sigwait() takes them

    httplib::Server server;
    add_routes(server, options.dsn);
    const int port = bind(server, options);
    if (port < 0) {
        std::cerr << "orders: cannot listen on " << options.listen << " port " << options.port << std::endl;
        return 1;
    }
    std::cout << "orders: listening on http://" << options.listen << ":" << port << std::endl;
    serve_until_signal(server, signals);
    return 0;
}
