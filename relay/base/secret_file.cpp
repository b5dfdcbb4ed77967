#include "base/secret_file.h"

#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace outbox {
namespace {

constexpr size_t secret_bytes_max = 64 << 10;

bool is_ordinary_file(const Descriptor &file) { // a device or a pipe could keep the reader waiting, or have no end
    struct stat found {};
    return fstat(file.get(), &found) == 0 && S_ISREG(found.st_mode);
}

} // namespace

std::string secret_path(const std::string &name) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    return name.starts_with('/') || folder == nullptr || *folder == '\0' ? name : std::string(folder) + "/" + name;
}

std::string read_secret_file(const std::string &name) {
    std::string path = secret_path(name), text;
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open())
        throw std::invalid_argument("cannot read \"" + path + "\": " + strerror(errno));
    if (!is_ordinary_file(file))
        throw std::invalid_argument("cannot read \"" + path + "\": it is no ordinary file");
    char buffer[4096];
    ssize_t size = 0;
    while (text.size() <= secret_bytes_max && (size = read(file.get(), buffer, sizeof(buffer))) > 0)
        text.append(buffer, static_cast<size_t>(size));
    if (size < 0)
        throw std::invalid_argument("cannot read \"" + path + "\": " + strerror(errno));
    while (text.ends_with('\n') || text.ends_with('\r'))
        text.pop_back();
    bool is_line = text.find_first_of(std::string("\n\r\0", 3)) == std::string::npos;
    if (text.empty() || text.size() > secret_bytes_max || !is_line)
        throw std::invalid_argument("\"" + path + "\": expected one line of at most 65536 bytes, the secret and nothing else");
    return text;
}

} // namespace outbox
