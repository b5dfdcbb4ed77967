#include "config/libraries.h"

#include "kafka/properties.h"
#include "watch/http_server.h"

#include <libpq-fe.h>

#include <CLI/Version.hpp>
#include <fmt/format.h>
#include <link.h>
#include <openssl/crypto.h>
#include <spdlog/version.h>
#include <sys/utsname.h>
#include <toml++/toml.h>

#include <filesystem>
#include <map>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

namespace outbox {
namespace {

// The files of the process's shared libraries, by the name before ".so". A file's name has the version: libzstd.so.1.5.4.
using Files = std::map<std::string, std::string>;

int note_file(dl_phdr_info *info, size_t, void *files) {
    std::error_code error;
    std::filesystem::path path = std::filesystem::canonical(info->dlpi_name, error);
    std::string file = error ? "" : path.filename().string();
    if (size_t end = file.find(".so"); end != std::string::npos)
        static_cast<Files *>(files)->emplace(file.substr(0, end), file);
    return 0;
}

std::string dotted(unsigned number, unsigned radix) {
    return fmt::format("{}.{}.{}", number / radix / radix, number / radix % radix, number % radix);
}

std::string features_of_librdkafka() {
    char text[1024];
    size_t size = sizeof(text);
    std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
    return rd_kafka_conf_get(conf.get(), "builtin.features", text, &size) == RD_KAFKA_CONF_OK ? text : "unknown";
}

// The C library, of which only glibc tells its version.
std::string c_library() {
#ifdef __GLIBC__
    return fmt::format("glibc {}", gnu_get_libc_version());
#else
    return "musl";
#endif
}

std::string line(const std::string &name, const std::string &text) { return fmt::format("  {:<24} {}\n", name, text); }

std::string own_libraries(const Files &files) {
    auto linked = [&](const std::string &library) { return files.contains(library) ? "shared" : "linked statically"; };
    std::string libpq = fmt::format("{}.{}", PQlibVersion() / 10000, PQlibVersion() % 10000);
    return line("librdkafka", fmt::format("{}, {}: {}", rd_kafka_version_str(), linked("librdkafka"), features_of_librdkafka())) +
           line("libpq", libpq) + line("OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)) + line("libmicrohttpd", http_library_version()) +
           line("spdlog", dotted(SPDLOG_VERSION, 100)) + line("fmt", dotted(FMT_VERSION, 100)) + line("CLI11", CLI11_VERSION) +
           line("toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH));
}

std::string other_libraries(const Files &files) {
    if (files.empty())
        return line("other libraries", "linked statically");
    std::string text;
    for (const char *library : {"libprometheus-cpp-core", "libcurl", "libsasl2", "libzstd", "liblz4", "libz", "libstdc++"})
        text += line(library, files.contains(library) ? files.at(library) : "not loaded");
    return text;
}

} // namespace

std::string libraries_text() {
    Files files;
    dl_iterate_phdr(note_file, &files);
    std::string text = own_libraries(files) + other_libraries(files);
    text += line("compiler", __VERSION__);
    utsname system = {};
    uname(&system);
    return text + line("system", fmt::format("{} {} {}, {}", system.sysname, system.release, system.machine, c_library()));
}

} // namespace outbox
