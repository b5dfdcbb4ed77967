// The lines of the stream and the CopyData that carry them: lines of together up to batch_bytes share a CopyData, a longer line has one of
// its own. The content of a line plays no part here. Tested by sql/plugin_options.sql, sql/stream.sql.
#pragma once

#include "pg.h"

struct Lines {
    int batch_bytes;
    bool waiting; // ctx->out holds lines that are not sent yet
};

// lines_put() adds a line, lines_flush() sends the lines that wait. `last`: the transaction ends with this line.
void lines_flush(LogicalDecodingContext *ctx, Lines *lines, bool last);
void lines_put(LogicalDecodingContext *ctx, Lines *lines, const char *line, size_t size, bool last);
