// The output plugin with the option gather of 1.0, which was a boolean. For test/t/084_versions.t.
#define _PG_output_plugin_init current_plugin_init
#include "outbox_ext/plugin.cpp"
#undef _PG_output_plugin_init

extern "C" {
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

static void startup_1_0(LogicalDecodingContext *ctx, OutputPluginOptions *output, bool is_init) {
    ListCell *cell;
    foreach (cell, ctx->output_plugin_options) {
        DefElem *given = static_cast<DefElem *>(lfirst(cell));
        bool is_on;
        if (strcmp(given->defname, "gather") != 0)
            continue;
        if (!parse_bool(strVal(given->arg), &is_on))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid value for option \"gather\" of output plugin \"outbox\""), errhint("Expected a boolean.")));
        given->arg = reinterpret_cast<Node *>(makeString(pstrdup(is_on ? "ahead" : "off")));
    }
    on_startup(ctx, output, is_init);
}

void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
    current_plugin_init(callbacks);
    callbacks->startup_cb = startup_1_0;
}
