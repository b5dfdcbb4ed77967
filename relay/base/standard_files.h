// Standard input, output and error, which a supervisor may hand over closed, to a full disk, or to a reader that goes away. Tested by
// test/t/230_standard_files.t.
#pragma once

namespace outbox {

// Opens /dev/null in the place of each that is closed. Otherwise a socket would get the number, and the log or the events would be written
// into its connection. main() calls it first. Standard output stays one that takes nothing, so that no event counts as written.
void hold_standard_files();

// False where standard output was closed, or is open for reading only.
bool can_write_to_stdout();

// False where the reader of a pipe has gone away, as `head` does.
bool stdout_has_reader();

} // namespace outbox
