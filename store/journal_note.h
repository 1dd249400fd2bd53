/* journal_note.h - the text of a C2SP tlog-checkpoint: origin LF, tree size LF, base64 of the root LF. */
#ifndef STORE_JOURNAL_NOTE_H
#define STORE_JOURNAL_NOTE_H

#include <stdint.h>

#include "appliance/base/span.h"
#include "journal.h"

/* Terminated. */
void journal_note_format(const char *origin, uint64_t size, const uint8_t root[JOURNAL_HASH_BYTES], char ret[JOURNAL_NOTE_SIZE]);

#endif
