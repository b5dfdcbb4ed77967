#include "lines.h"

void lines_flush(LogicalDecodingContext *ctx, Lines *lines, bool last) {
    OutputPluginWrite(ctx, last);
    lines->waiting = false;
}

void lines_put(LogicalDecodingContext *ctx, Lines *lines, const char *line, size_t size, bool last) {
    if (lines->waiting && ctx->out->len + 1 + size > static_cast<size_t>(lines->batch_bytes))
        lines_flush(ctx, lines, false);
    if (lines->waiting)
        appendStringInfoChar(ctx->out, '\n');
    else
        OutputPluginPrepareWrite(ctx, last);
    lines->waiting = true;
    appendBinaryStringInfo(ctx->out, line, static_cast<int>(size));
    if (last)
        lines_flush(ctx, lines, true);
}
