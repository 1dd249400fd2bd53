/* pin.h - the PIN: one locked page outside dumps, wiped when it is no longer needed; and what PINs were refused in the life of this process.
 *
 * A refused PIN is remembered as HMAC-SHA256 under a key made at start and never written anywhere, so that a person who types the same wrong PIN
 * again does not burn a second try.
 */
#ifndef TOKEN_PIN_H
#define TOKEN_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIN_MAX_BYTES 256
#define PIN_REFUSED_MAX 8

struct pin {
	char *page;    /* terminated; NULL before pin_open */
	size_t length; /* 0: no PIN held */
	uint8_t key[32];
	uint8_t refused[PIN_REFUSED_MAX][32];
	size_t refused_count; /* saturates: beyond, the oldest is forgotten */
	size_t refused_next;
};

/* 0, ERR_MEMORY or ERR_SYSTEM (no random bytes). */
int pin_open(struct pin *pin);
void pin_close(struct pin *pin);
/* Appends what is there to read. ERR_AGAIN: more may come; 0: the end came, one line end at the end was dropped; ERR_LIMIT, ERR_FORMAT (empty,
 * zero byte) or ERR_SYSTEM: nothing is held any more. */
int pin_read(struct pin *pin, int fd);
void pin_wipe(struct pin *pin);

/* Remembers the PIN now held as refused, and asks whether it is one of those; the PIN itself is kept nowhere. */
void pin_note_refused(struct pin *pin);
bool pin_was_refused(const struct pin *pin);

#endif
