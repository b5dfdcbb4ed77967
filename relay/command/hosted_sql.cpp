#include "command/hosted_sql.h"

#include <algorithm>

namespace outbox {
namespace {

// The files' names as the assembler finds them from the project's root.
asm(".pushsection .rodata\n"
    "hosted_sql: .incbin \"outbox_ext/hosted/outbox.sql\"\n"
    "hosted_doors_sql: .incbin \"outbox_ext/hosted/doors.sql\"\n"
    "hosted_inbox_sql: .incbin \"outbox_ext/inbox.sql\"\n"
    "hosted_keep_sql: .incbin \"outbox_ext/hosted/keep.sql\"\n"
    "hosted_kept_sql: .incbin \"outbox_ext/hosted/kept.sql\"\n"
    "hosted_end: .byte 0\n"
    ".popsection");
extern "C" __attribute__((visibility("hidden"))) const char hosted_sql[], hosted_doors_sql[], hosted_inbox_sql[], hosted_keep_sql[],
    hosted_kept_sql[], hosted_end[];

// The script without the lines that only psql understands, such as those that include other files.
std::string statements(const char *begin, const char *end) {
    std::string_view script(begin, static_cast<size_t>(end - begin));
    std::string sql;
    for (size_t start = 0; start < script.size();) {
        size_t line_end = std::min(script.find('\n', start), script.size());
        std::string_view line = script.substr(start, line_end - start);
        if (!line.starts_with('\\'))
            sql += std::string(line) + "\n";
        start = line_end + 1;
    }
    return sql;
}

} // namespace

std::string hosted_form_sql() {
    return statements(hosted_sql, hosted_doors_sql) + statements(hosted_doors_sql, hosted_inbox_sql) +
           statements(hosted_inbox_sql, hosted_keep_sql);
}
std::string keep_sql() { return statements(hosted_keep_sql, hosted_kept_sql); }
std::string kept_sql() { return statements(hosted_kept_sql, hosted_end); }

} // namespace outbox
