// Words and figures that the checks of Kafka print and read. Included by these checks only.
#pragma once

#include "command/doctor/consultation.h"

#include <map>
#include <string>

namespace outbox {

using TopicSettings = std::map<std::string, std::string>;

// A command of Kafka's tools, to paste.
std::string kafka_tool(Consultation &doctor, const std::string &tool, const std::string &arguments);
std::string setting_line(Consultation &doctor, const std::string &topic, const std::string &setting);

double figure_of(const TopicSettings &settings, const char *name); // 0: there is no such setting
bool says(const TopicSettings &settings, const char *name, std::string_view word);

} // namespace outbox
