// Keeps the slot's confirmed position on disk, for the server of itself writes one only with other changes of the slot (and, from 17 on, at
// a shutdown): after a restart it would send again what was delivered and confirmed long before.
//
// Saved are positions that have events before them: at most once a second, at the latest a second after the walsender has read the
// confirmation, and when the walsender ends. So a clean shutdown loses no confirmation, and a crash those of the last second. A stream
// without events costs nothing. Tested by test/t/081_restart.t.
#pragma once

#include "pg.h"

// For a walsender's slot that outlives the session; otherwise nothing is done.
void saved_position_start(LogicalDecodingContext *ctx);

// A transaction with events, whose commit ends here, has been handed to the reader.
void saved_position_sent(XLogRecPtr end);

// The reader has ended the stream.
void saved_position_stop();
