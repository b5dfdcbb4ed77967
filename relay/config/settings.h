// The settings: one row each, from which flags, OUTBOX_… variables, help and the table of docs/relay.md come. A row says whether a text can
// be the setting's value and where the value goes; where the text comes from is its source's matter (sources.h): the command line, a
// variable, the file, or the row's own default. Tested by test/unit/settings_test.cpp and test/t/051_options.t.
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

// What the settings say, before it is one of the commands.
struct Values {
    Values(); // the rows' defaults

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

// Where a value goes, and what it must be.
struct Target {
    // Why the text can be no value, in a line that says what was expected; empty where it can be one. Null: any text can.
    std::string (*check)(const std::string &text);
    void (*assign)(Values &values, const std::string &text);
    bool Values::*toggle = nullptr;                // what a flag without a value turns on, instead
    std::vector<std::string> (*words)() = nullptr; // of which the text is one; null: any that the check takes
};

// More about a setting, as a set.
enum : unsigned {
    list = 1,     // may be given many times; a variable has one a line
    for_once = 2, // has no variable, which would stay for the next time
    secret = 4,   // may hold a password
    required = 8,
    reloadable = 16,   // read again with SIGHUP
    number = 32,       // in the file it is one
    words = 64,        // separated by commas; in the file it may be an array
    not_in_file = 128, // nor is what has no variable
    file = 256,        // its text is the name of one
};

struct Setting {
    const char *key; // "log-level": --log-level, OUTBOX_LOG_LEVEL
    unsigned commands;
    const char *default_text; // empty: none
    const char *help;         // a line
    const char *more;         // what the page says beyond that, in Markdown; empty: nothing
    Target target;
    unsigned traits = 0;
};

std::span<const Setting> settings();

std::string flag_of(const Setting &setting);     // "--log-level", or "-X,--property"
std::string variable_of(const Setting &setting); // empty: none
std::string key_of(const Setting &setting);      // "log_level", in the file; empty: none

// Why the text cannot be the setting's value, in a line that says what was expected and does not repeat the text; empty where it can.
std::string check_text(const Setting &setting, const std::string &text);

// Puts the text, which has been checked, where it belongs.
void assign_text(Values &values, const Setting &setting, const std::string &text);

// The table of docs/relay.md.
std::string settings_as_markdown();

} // namespace outbox
