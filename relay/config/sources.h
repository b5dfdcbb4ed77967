// The sources of the settings' values, from the weakest to the strongest: the rows' defaults, the file (file.h), the OUTBOX_… variables,
// the command line (command_line.h). Each source gives texts with their origin; a stronger source replaces a weaker one's. Tested by
// test/unit/sources_test.cpp and test/t/110_config.t.
#pragma once

#include "config/settings.h"

#include <map>
#include <string>
#include <vector>

namespace outbox {

// A text that a source gives to a setting.
struct Given {
    const Setting *setting;
    std::string text;
    std::string origin; // "--slot", "OUTBOX_SLOT", "/etc/outbox-relay.toml:3" (with the line), "default"
};

// A property of librdkafka in the file's table [kafka] or in a property file.
struct GivenProperty {
    KafkaProperty property;
    std::string origin;
};

// The content of one file. A problem is not thrown, since a command that needs one value asks a relay that may run with an older file.
struct ConfigFile {
    std::vector<Given> given;
    std::vector<GivenProperty> kafka;
    std::string problem; // the first problem; empty: none
};

// read_variables(): the variables of the rows that one of the commands takes. Both throw Failure where an OUTBOX_… variable is blank or
// belongs to no setting.
std::vector<Given> read_variables(unsigned commands);
void check_variables();

// Throws Failure where a text cannot be its setting's value.
void check_given(const std::vector<Given> &given);

// The settings in force, of all sources.
class Effective {
public:
    Effective(); // the defaults

    void take(const std::vector<Given> &source); // stronger than the sources before
    void take_kafka(std::vector<GivenProperty> properties) { kafka_ = std::move(properties); }

    Values values() const;
    const std::vector<Given> &of(const Setting &setting) const; // no text, one, or several of a list
    const std::vector<GivenProperty> &kafka() const { return kafka_; }

private:
    std::map<const Setting *, std::vector<Given>> given_;
    std::vector<GivenProperty> kafka_;
};

} // namespace outbox
