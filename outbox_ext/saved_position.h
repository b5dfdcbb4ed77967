// Saves the slot's confirmed position to disk. The server itself writes that position only together with other changes of the slot (and,
// from 17 on, at a shutdown), so after a restart it would send events again that the reader had confirmed long before.
//
// A position is saved if there are events before it: at most once a second, at the latest a second after the walsender has read the
// confirmation, and when the walsender ends. So a clean shutdown loses no confirmation, and a crash loses those of the last second. A
// stream without events causes no writes. Tested by test/t/081_restart.t.
#pragma once

#include "pg.h"

// Starts to save for a walsender with a persistent slot; does nothing for any other reader.
void saved_position_start(LogicalDecodingContext *ctx);

// Called when the plugin has written a transaction with events whose commit record ends at `end`.
void saved_position_sent(XLogRecPtr end);

// Called when the reader ends the stream.
void saved_position_stop();
