// `outbox-relay config show` and `config check`: the settings in force, without a connection. No secret is printed. Tested by
// test/t/110_config.t.
#pragma once

#include "config/options.h"

namespace outbox {

// Prints the settings as a file of settings with the same effect, but for the secrets, or as JSON.
void show_config(const ShowConfigCommand &command);

void say_config_is_good();

} // namespace outbox
