// The steps that setup takes on a server. With --dry-run each step prints its statements instead, so that psql can run the whole output;
// otherwise each step runs them and prints a line.
#pragma once

#include "postgres/server.h"

#include <iostream>
#include <string>
#include <vector>

namespace outbox {

class Steps {
public:
    Steps(Server &server, bool dry_run) : server_(server), dry_run_(dry_run) {}

    Server &server() const { return server_; }
    bool dry_run() const { return dry_run_; }

    void say(const std::string &text) const { std::cout << (dry_run_ ? "-- " : "") << printable(text) << std::endl; }

    // Runs the statements and prints `done`, or prints the statements.
    void change(const std::string &done, const std::vector<std::string> &statements, const Server::Meanwhile &meanwhile = {}) const {
        for (const std::string &sql : statements) {
            if (dry_run_)
                std::cout << sql << ";" << std::endl;
            else
                server_.query(sql, meanwhile);
        }
        if (!dry_run_)
            say(done);
    }

private:
    Server &server_;
    bool dry_run_;
};

} // namespace outbox
