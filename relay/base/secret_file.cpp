#include "base/secret_file.h"

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

class Descriptor {
public:
    explicit Descriptor(const std::string &path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    ~Descriptor() {
        if (descriptor_ >= 0)
            close(descriptor_);
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;

    bool is_open() const { return descriptor_ >= 0; }
    bool is_file() const { // a device or a pipe could keep the reader waiting, or have no end
        struct stat found {};
        return fstat(descriptor_, &found) == 0 && S_ISREG(found.st_mode);
    }
    ssize_t take(char *buffer, size_t size) const { return read(descriptor_, buffer, size); }

private:
    int descriptor_;
};

} // namespace

std::string secret_path(const std::string &name) {
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    return name.starts_with('/') || folder == nullptr || *folder == '\0' ? name : std::string(folder) + "/" + name;
}

std::string read_secret_file(const std::string &name) {
    std::string path = secret_path(name), text;
    Descriptor file(path);
    if (!file.is_open())
        throw std::invalid_argument("cannot read \"" + path + "\": " + strerror(errno));
    if (!file.is_file())
        throw std::invalid_argument("cannot read \"" + path + "\": it is no ordinary file");
    char buffer[4096];
    ssize_t size = 0;
    while (text.size() <= secret_bytes_max && (size = file.take(buffer, sizeof(buffer))) > 0)
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
