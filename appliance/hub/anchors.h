/* anchors.h - how the journal is anchored, as the store tells it in STORE_HELLO: who signed the last checkpoint, and whether the auditors' share has everything.
 * (When it was stamped stands in records: stamp_book.h.)
 */
#ifndef HUB_ANCHORS_H
#define HUB_ANCHORS_H

#include "hub.h"

/* From the lines of a STORE_HELLO. */
void anchors_hello(struct hub *hub, struct span lines);
/* The name in a certificate of the box, by its SHA-256 in hex; the hash itself when no token tells it now. */
void anchors_signer(const struct hub *hub, const char *sha256, char *ret, size_t size);
/* What is wrong with the auditors' share, a sentence, translated; false: nothing, or there is none. */
bool anchors_share_trouble(const struct hub *hub, char *ret, size_t size);

#endif
