// A file that has one secret in it, such as a credential of systemd's or a secret that Kubernetes mounts.
// Tested by test/unit/secret_file_test.cpp.
#pragma once

#include <string>

namespace outbox {

// A name that is no path from / is looked for in $CREDENTIALS_DIRECTORY, where that is set.
std::string secret_path(const std::string &name);

// The file's text without the line end behind it: one line of at most 64 KiB. Throws std::invalid_argument, without what is in it.
std::string read_secret_file(const std::string &name);

} // namespace outbox
