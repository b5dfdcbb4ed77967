#include "base/standard_files.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace outbox {

void hold_standard_files() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) // open() takes the lowest number that is free, which is this one
            (void)open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

bool can_write_to_stdout() {
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool stdout_has_reader() {
    pollfd closed = {STDOUT_FILENO, 0, 0};
    return poll(&closed, 1, 0) != 1 || (closed.revents & (POLLERR | POLLHUP)) == 0;
}

} // namespace outbox
