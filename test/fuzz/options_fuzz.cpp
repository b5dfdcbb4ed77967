// The command line and the environment: a line NAME=value with OUTBOX_… or PG… is a variable, any other line an argument. Any input is
// accepted, or refused in one printable line. The fuzzer leaves out arguments that print help and end the process, the property file and
// the file of settings, which would be any files of this machine (config_fuzz.cpp has the text of the latter), and librdkafka's
// properties, which values_fuzz.cpp has.
#include "relay/config/options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>

namespace {

using namespace outbox;

bool ends_process(const std::string &argument) {
    constexpr auto words = std::to_array<std::string_view>({"help", "version", "-h", "--help", "--version"});
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return argument.starts_with(word); });
}

bool is_left_out(const std::string &line) {
    constexpr auto words = std::to_array<std::string_view>({"-X", "--property", "OUTBOX_PROPERTY", "--config", "OUTBOX_CONFIG"});
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return line.starts_with(word); });
}

bool is_variable(const std::string &line) {
    return (line.starts_with("OUTBOX_") || line.starts_with("PG")) && line.find('=') != std::string::npos;
}

char *nothing[] = {nullptr};

std::vector<char *> pointers_to(std::vector<std::string> &texts) {
    std::vector<char *> pointers;
    for (std::string &text : texts)
        pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

void refused(const std::string &words) {
    if (words.empty() || words.find('\n') != std::string::npos)
        abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::vector<std::string> arguments = {"outbox-relay"}, variables;
    std::istringstream lines(std::string(reinterpret_cast<const char *>(data), size));
    for (std::string line; std::getline(lines, line);) {
        line.resize(std::min(line.find('\0'), line.size()));
        if (ends_process(line) || is_left_out(line))
            return 0;
        (is_variable(line) ? variables : arguments).push_back(line);
    }
    std::vector<char *> argv = pointers_to(arguments), environment = pointers_to(variables);
    environ = environment.data();
    try {
        parse_options(static_cast<int>(arguments.size()), argv.data());
    } catch (const Failure &failure) {
        refused(failure.what());
    }
    environ = nothing;
    return 0;
}
