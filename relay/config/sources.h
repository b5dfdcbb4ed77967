// Where the settings' values come from, from the weakest to the strongest: the rows' defaults, the file (file.h), the OUTBOX_… variables,
// the command line (command_line.h). Each source gives texts with their origin; a stronger source's stand for a weaker one's. Tested by
// test/unit/sources_test.cpp and test/t/110_config.t.
#pragma once

#include "config/settings.h"

#include <map>
#include <string>
#include <vector>

namespace outbox {

// One text that a source gives a setting.
struct Given {
    const Setting *setting;
    std::string text;
    std::string origin; // "--slot", "OUTBOX_SLOT", "/etc/outbox-relay.toml:3" (with the line), "default"
};

// One property of librdkafka, of the file's table [kafka] or of a property file.
struct GivenProperty {
    KafkaProperty property;
    std::string origin;
};

// What one file says. A problem is not thrown, because a command that needs one value asks a relay that runs with its old file.
struct ConfigFile {
    std::vector<Given> given;
    std::vector<GivenProperty> kafka;
    std::string problem; // the first one; empty: none
};

// The variables of the rows that one of the commands takes. Throws Failure where an OUTBOX_… variable is blank or no setting's.
std::vector<Given> read_variables(unsigned commands);
void check_variables();

// Throws Failure where a text cannot be its setting's value.
void check_given(const std::vector<Given> &given);

// What counts, of all sources.
class Effective {
public:
    Effective(); // the defaults

    void take(const std::vector<Given> &source); // which is stronger than those before
    void take_kafka(std::vector<GivenProperty> properties) { kafka_ = std::move(properties); }

    Values values() const;
    const std::vector<Given> &of(const Setting &setting) const; // none, one, or of a list many
    const std::vector<GivenProperty> &kafka() const { return kafka_; }

private:
    std::map<const Setting *, std::vector<Given>> given_;
    std::vector<GivenProperty> kafka_;
};

} // namespace outbox
