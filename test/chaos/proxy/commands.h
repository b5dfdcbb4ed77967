// The proxy's commands, a line each. The head of main.cpp lists them.
#pragma once

#include <map>
#include <string>

#include "test/chaos/proxy/link.h"

namespace proxy {

// False where there is no such link or command.
bool obey(std::map<std::string, Link> &links, const std::string &line);

} // namespace proxy
