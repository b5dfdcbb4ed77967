// How full the disk with the server's WAL is, which only the server's own machine can say.
#pragma once

#include "postgres/server.h"

#include <optional>
#include <string>

namespace outbox {

struct DiskView {
    double free_bytes = 0, bytes = 0;
};

// Is the server on this machine?
bool is_on_this_machine(Server &server);

// nullopt: this user may not look there.
std::optional<DiskView> look_at_disk(const std::string &data_directory);

} // namespace outbox
