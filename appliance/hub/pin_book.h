/* pin_book.h - what persons said about certificates of partners: approved or revoked, one word for each fingerprint and partner, the last one. From records `config`
 * (store/FORMAT.txt, section 6), so that it is the same after every replay.
 */
#ifndef HUB_PIN_BOOK_H
#define HUB_PIN_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../config/config.h"
#include "../base/record.h"

#define PINS_MAX 128 /* of all partners; a partner changes its certificate every few years */
#define PIN_SHA256_SIZE 65

struct pin {
	char partner[CONFIG_NAME_MAX + 1];
	char sha256[PIN_SHA256_SIZE]; /* lower-case hex */
	uint64_t approved;            /* 1; 0: revoked */
	int64_t from_ms;              /* UTC: not to be encrypted for before; 0: at once */
};

struct pin_book {
	uint64_t count;
	struct pin pins[PINS_MAX];
};

/* True when the record is a word about a certificate; what does not fit any more is not taken in (pin_book_has_room). */
bool pin_book_record(struct pin_book *book, const struct record *record);
/* NULL when nobody said anything. */
const struct pin *pin_book_find(const struct pin_book *book, const char *partner, const char *sha256);
/* Is there room for a word about this one? */
bool pin_book_has_room(const struct pin_book *book, const char *partner, const char *sha256);
/* For what was kept: counts and texts within their bounds. */
bool pin_book_holds(const struct pin_book *book);

#endif
