/* readers.h - what the card readers show, asked of pcscd: has a card or a reader come or gone since the last look?
 *
 * PKCS#11 has no way to wait for a card that OpenSC keeps to without threads, and asking the module itself costs a hundred times more. pcscd answers from its
 * memory; each card that is put in counts up a number in its state, so that a card which was taken out and put back between two looks is seen too.
 */
#ifndef TOKEN_READERS_H
#define TOKEN_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct readers {
	long context;
	bool connected;      /* pcscd answers */
	uint64_t seen;       /* digest of the last look, 0: none yet */
	size_t count, cards; /* readers, and those with a card */
};

/* Looks without waiting for a card (a pcscd that hangs is the caller's to guard against). True when something differs from the last look: the first
 * look always does, so does the loss of pcscd and its return. */
bool readers_look(struct readers *readers);
void readers_close(struct readers *readers);

#endif
