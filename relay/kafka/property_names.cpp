#include "kafka/property_names.h"

#include "base/nearest.h"

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <vector>

namespace outbox {
namespace {

// The first column of the table that librdkafka prints. A line of the head, or one between two tables, has none, or no name in it.
std::vector<std::string> read_names(std::istream &table) {
    std::vector<std::string> names;
    for (std::string line; std::getline(table, line);) {
        std::string name = line.substr(0, line.find_first_of(" |"));
        if (line.find(" | ") != std::string::npos && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") == std::string::npos)
            names.push_back(name);
    }
    return names;
}

} // namespace

std::string nearest_kafka_property(const std::string &name) {
    char *text = nullptr;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == nullptr)
        return "";
    rd_kafka_conf_properties_show(stream);
    fclose(stream);
    std::istringstream table(std::string(text, size));
    free(text);
    std::vector<std::string> names = read_names(table);
    return names.empty() ? "" : nearest(name, names);
}

} // namespace outbox
