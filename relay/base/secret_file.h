// A file that holds one secret, such as a credential of systemd or a secret that Kubernetes mounts. Tested by
// test/unit/secret_file_test.cpp.
#pragma once

#include <string>

namespace outbox {

// The file's path: a relative name is looked for in $CREDENTIALS_DIRECTORY where systemd has set the variable.
std::string secret_path(const std::string &name);

// The file's text without the line end behind the text: one line of at most 64 KiB. Throws std::invalid_argument, whose text has nothing of
// the file's content.
std::string read_secret_file(const std::string &name);

} // namespace outbox
