// The disk with the server's WAL: how full it is, as far as the server runs on this machine.
#pragma once

#include "postgres/server.h"

#include <optional>
#include <string>

namespace outbox {

struct DiskView {
    double free_bytes = 0, bytes = 0;
};

// Whether the server runs on this machine.
bool is_on_this_machine(Server &server);

// nullopt: this user may not look at the directories.
std::optional<DiskView> look_at_disk(const std::string &data_directory);

} // namespace outbox
