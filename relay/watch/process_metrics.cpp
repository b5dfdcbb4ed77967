#include "watch/process_metrics.h"

#include "base/destroy.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

namespace outbox {
namespace {

// The fields of /proc/self/stat behind the program's name, which may hold blanks.
struct Stat {
    unsigned long user_ticks = 0, system_ticks = 0, virtual_bytes = 0;
    long threads = 0, resident_pages = 0;
    unsigned long long start_ticks = 0; // since the machine's start, in clock ticks
};

bool read_stat(Stat &stat) {
    std::unique_ptr<FILE, Destroy<fclose>> file(fopen("/proc/self/stat", "re"));
    std::array<char, 1024> text{};
    if (!file || fread(text.data(), 1, text.size() - 1, file.get()) == 0)
        return false;
    const char *after_name = strrchr(text.data(), ')');
    return after_name != nullptr &&
           sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %llu %lu %ld",
                  &stat.user_ticks, &stat.system_ticks, &stat.threads, &stat.start_ticks, &stat.virtual_bytes, &stat.resident_pages) == 6;
}

double open_descriptors() {
    std::unique_ptr<DIR, Destroy<closedir>> folder(opendir("/proc/self/fd"));
    double count = -3; // without ".", ".." and the folder itself
    while (folder && readdir(folder.get()) != nullptr)
        count++;
    return count;
}

double machine_started_at_s() {
    timespec now{}, up{};
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return static_cast<double>(now.tv_sec - up.tv_sec) + static_cast<double>(now.tv_nsec - up.tv_nsec) / 1e9;
}

} // namespace

void add_process(Families &families) {
    Stat stat;
    if (!read_stat(stat))
        return;
    auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
    families.counter("process_cpu_seconds_total", "CPU time of the process, user and system.",
                     static_cast<double>(stat.user_ticks + stat.system_ticks) / ticks_per_s);
    families.gauge("process_resident_memory_bytes", "Resident memory of the process.",
                   static_cast<double>(stat.resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    families.gauge("process_virtual_memory_bytes", "Virtual memory of the process.", static_cast<double>(stat.virtual_bytes));
    families.gauge("process_threads", "Threads of the process.", static_cast<double>(stat.threads));
    families.gauge("process_open_fds", "Open file descriptors of the process.", open_descriptors());
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        families.gauge("process_max_fds", "The most file descriptors that the process may open.", static_cast<double>(limit.rlim_cur));
    families.gauge("process_start_time_seconds", "When the process began, in Unix time.",
                   machine_started_at_s() + static_cast<double>(stat.start_ticks) / ticks_per_s);
}

} // namespace outbox
