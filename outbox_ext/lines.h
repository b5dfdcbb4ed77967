// The lines of the stream and the CopyData that they share: up to batch_bytes in one, a longer line in one of its own.
// Knows nothing of what a line says. Tested by sql/plugin_options.sql, sql/stream.sql.
#pragma once

#include "pg.h"

struct Lines {
    int batch_bytes;
    bool waiting; // ctx->out holds lines that are not yet sent
};

// `last`: the transaction ends with these lines.
void lines_flush(LogicalDecodingContext *ctx, Lines *lines, bool last);
void lines_put(LogicalDecodingContext *ctx, Lines *lines, const char *line, size_t size, bool last);
