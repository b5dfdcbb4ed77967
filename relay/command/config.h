// `outbox-relay config show` and `config check`: what the settings are, without a connection. Secrets are never printed.
// Tested by test/t/110_config.t.
#pragma once

#include "config/options.h"

namespace outbox {

// As a file of settings that says the same but for the secrets, or as JSON.
void show_config(const ShowConfigCommand &command);

void say_config_is_good();

} // namespace outbox
