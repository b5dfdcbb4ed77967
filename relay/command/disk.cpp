#include "command/disk.h"

#include <sys/statvfs.h>

namespace outbox {

bool is_on_this_machine(Server &server) {
    return server.is_true("SELECT pg_catalog.inet_server_addr() IS NULL OR pg_catalog.inet_server_addr() OPERATOR(pg_catalog.=) "
                          "pg_catalog.inet_client_addr()");
}

// The data directory is closed to other users, so the directory above it is the last to look at.
std::optional<DiskView> look_at_disk(const std::string &data_directory) {
    struct statvfs found;
    for (const std::string &path : {data_directory + "/pg_wal", data_directory, data_directory.substr(0, data_directory.rfind('/'))})
        if (statvfs(path.c_str(), &found) == 0)
            return DiskView{static_cast<double>(found.f_bavail) * static_cast<double>(found.f_frsize),
                            static_cast<double>(found.f_blocks) * static_cast<double>(found.f_frsize)};
    return std::nullopt;
}

} // namespace outbox
