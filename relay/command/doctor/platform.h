// The provider that runs the server, known by the roles that providers create, and the provider's commands for what elsewhere only a
// superuser may do. The commands are from the providers' documentation. Tested by test/unit/platform_test.cpp and test/t/163_platforms.t.
#pragma once

#include "command/doctor/finding.h"

#include <string_view>

namespace outbox {

enum class Platform { none, rds, aurora, cloud_sql, azure, neon, supabase };

const char *name_of(Platform platform);

// A role that exists on one provider's servers only; in the order of the queries.
struct PlatformRole {
    const char *role;
    Platform platform;
};
inline constexpr PlatformRole platform_roles[] = {
    {"rds_superuser", Platform::rds},   {"cloudsqlsuperuser", Platform::cloud_sql}, {"azure_pg_admin", Platform::azure},
    {"neon_superuser", Platform::neon}, {"supabase_admin", Platform::supabase},
};

// Rewrites the repair of a finding: ALTER SYSTEM becomes the platform's parameter, ALTER ROLE ... REPLICATION the platform's grant. Advice
// that is no line to paste goes to `then`.
void put_in_words_of(Platform platform, Finding &finding);

} // namespace outbox
