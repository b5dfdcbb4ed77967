// The reason why emit refuses, as an error that emit raises and outbox.status shows. Every text is static or lives in the current memory
// context.
#pragma once

#include "pg.h"

struct Refusal {
    int sqlstate; // 0: emit accepts
    const char *message;
    const char *detail; // null: none
    const char *hint;
};

[[maybe_unused]] static inline void refusal_raise(int level, const Refusal &refusal) {
    ereport(level, (errcode(refusal.sqlstate), errmsg_internal("%s", refusal.message),
                    refusal.detail == nullptr ? 0 : errdetail_internal("%s", refusal.detail), errhint("%s", refusal.hint)));
}
