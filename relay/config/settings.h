// The settings: one row each, from which flags, OUTBOX_… variables, help and the table of docs/relay.md come. A row says whether a text can
// be the setting's value, and the member that takes the value. The text comes from a source (sources.h): the command line, a variable, the
// file, or the row's own default. Tested by test/unit/settings_test.cpp and test/t/051_options.t.
#pragma once

#include "base/log.h"
#include "kafka/target.h"
#include "stdout/stdout_sink.h"

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace outbox {

enum class Delivery { at_least_once, exactly_once };

// The values of all settings, before one command takes its own. A member a setting, hence the many members.
struct Values {
    Values(); // takes the rows' defaults

    std::string config, dsn, password_file, password_command, token_command, slot, plugin, topics, brokers, property_file, state_topic,
        dead_letter_topic, listen;
    std::string topic_prefix, topic_template, ce_source;
    std::vector<std::string> properties, ids;
    std::vector<KafkaProperty> kafka; // of the file's table [kafka]
    Delivery delivery;
    OnPoison on_poison;
    HeaderStyle header_style;
    KeyStyle key_style;
    LineFormat format;
    LogFormat log_format;
    spdlog::level::level_enum log_level;
    size_t max_in_flight_bytes;
    std::chrono::milliseconds commit_interval, shutdown_grace, server_silence;
    bool takeover = false, to_stdout = false, dry_run = false, harden = false, reset_state = false, ready = false, since_confirmed = false,
         watch = false, probe = false, remove = false, force = false;
    std::string until, topic, standby, relay_role, app_role, topics_file;
    std::chrono::seconds timeout{0};
    uint64_t limit = 0, sample = 1;
    bool lsn_header = false;
    bool origin = false, json = false, verbose = false;
};

// The commands that take settings, as a set.
enum : unsigned {
    in_run = 1,
    in_skip = 2,
    in_setup = 4,
    in_health = 8,
    in_config = 16,
    in_doctor = 32,
    in_version = 64,
    in_drain = 128,
    in_tail = 256,
    in_status = 512,
    in_dead_letters = 1024
};

// The member that takes a value, and the check of its text.
struct Target {
    // Why the text cannot be a value, in a line that says what was expected; empty: it can. Null: any text can.
    std::string (*check)(const std::string &text);
    void (*assign)(Values &values, const std::string &text);
    bool Values::*toggle = nullptr;                // for a flag without a value: the member that the flag turns on
    std::vector<std::string> (*words)() = nullptr; // the words of which the text is one; null: any text that passes the check
};

// Further traits of a setting, as a set.
enum : unsigned {
    list = 1,     // may be given many times; a variable has one value a line
    for_once = 2, // has no variable, which would stay in force for the next time
    secret = 4,   // may hold a password
    required = 8,
    reloadable = 16,   // SIGHUP reads the setting again
    number = 32,       // a number in the file
    words = 64,        // values separated by commas; in the file an array, too
    not_in_file = 128, // has no key in the file; nor has a setting without a variable
    file = 256,        // the text names a file
};

struct Setting {
    const char *key; // "log-level" for --log-level and OUTBOX_LOG_LEVEL
    unsigned commands;
    const char *default_text; // empty: none
    const char *help;         // one line
    const char *more;         // more for docs/relay.md, in Markdown; empty: nothing
    Target target;
    unsigned traits = 0;
};

std::span<const Setting> settings();

std::string flag_of(const Setting &setting);     // "--log-level", or "-X,--property"
std::string variable_of(const Setting &setting); // empty: none
std::string key_of(const Setting &setting);      // the file's key, "log_level"; empty: none

// Why the text cannot be the setting's value, in a line that says what was expected and does not repeat the text; empty: it can.
std::string check_text(const Setting &setting, const std::string &text);

// Puts a checked text into its member.
void assign_text(Values &values, const Setting &setting, const std::string &text);

// The settings' table of docs/relay.md.
std::string settings_as_markdown();

} // namespace outbox
