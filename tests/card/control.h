/* control.h - what tests do to a card that runs: one line in, one line out, for each connection to its socket.
 *
 *   insert [DIRECTORY]       puts a card in, another one when a directory is named
 *   pull                     takes it out
 *   reset                    the card loses selection and PIN, as after a glitch of its power
 *   latency MS               of each use of a private key
 *   fail STATUS COUNT        the next COUNT uses of a private key end with this status word (hex)
 *   pull-in COUNT MS         in the COUNTth use of a private key from now, MS after its beginning, the card is pulled
 *   hang | unhang            nothing is answered until it goes on
 *   pin DIGITS               another PIN, as if it had been changed elsewhere
 *   tries LEFT               tries of the PIN
 *   state                    "in|out connected|alone tries LEFT MOST"
 * Answers: "ok", what was asked for, or "error WHY". An answer comes when the thing is done.
 */
#ifndef CARD_CONTROL_H
#define CARD_CONTROL_H

#include "card.h"

/* The card and the wire it hangs on. */
struct card_place {
	struct card card;
	uint16_t port; /* of vpcd, on 127.0.0.1 */
	bool inserted;
	int link;            /* connection to vpcd, -1 */
	uint8_t *answer;     /* one that waits for its time */
	size_t answer_bytes; /* 0: none */
	uint64_t answer_due_ms;
	uint64_t pull_due_ms; /* 0: no pull is coming */
};

/* Opens the socket. Returns the listening descriptor, -1 when it cannot be. */
int control_open(const char *path);
/* Takes one connection and does what its line says. */
void control_serve(struct card_place *place, int listener);

/* main.c: ends the connection to the reader; the card is out. */
void place_pull(struct card_place *place);

#endif
