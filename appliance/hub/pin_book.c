#include "pin_book.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"

const struct pin *pin_book_find(const struct pin_book *book, const char *partner, const char *sha256)
{
	for (size_t i = 0; i < book->count; i++) {
		if (strcmp(book->pins[i].partner, partner) == 0 && strcmp(book->pins[i].sha256, sha256) == 0) {
			return &book->pins[i];
		}
	}
	return NULL;
}

bool pin_book_has_room(const struct pin_book *book, const char *partner, const char *sha256)
{
	return book->count < PINS_MAX || pin_book_find(book, partner, sha256) != NULL;
}

static int64_t moment_of(const struct record *record, const char *name)
{
	struct span value;
	int64_t utc_ms = 0;

	return record_field(record, name, &value) && clock_parse_utc(value, &utc_ms) ? utc_ms : 0;
}

bool pin_book_record(struct pin_book *book, const struct record *record)
{
	bool approved = record_field_is(record, "what", "certificate-approved");
	struct pin pin = { .approved = approved ? 1 : 0 };
	const struct pin *known = NULL;

	if (strcmp(record->type, "config") != 0 || (!approved && !record_field_is(record, "what", "certificate-revoked")) ||
	    !record_field_string(record, "partner", pin.partner, sizeof pin.partner) || !record_field_string(record, "sha256", pin.sha256, sizeof pin.sha256)) {
		return false;
	}
	pin.from_ms = approved ? moment_of(record, "from") : 0;
	known = pin_book_find(book, pin.partner, pin.sha256);
	if (known != NULL) {
		book->pins[known - book->pins] = pin;
	} else if (book->count < PINS_MAX) {
		book->pins[book->count++] = pin;
	} else {
		log_error("record %llu: more words about certificates than the box remembers", (unsigned long long)record->index);
	}
	return true;
}

bool pin_book_holds(const struct pin_book *book)
{
	bool good = book->count <= PINS_MAX;

	for (size_t i = 0; good && i < PINS_MAX; i++) {
		const struct pin *pin = &book->pins[i];

		good = memchr(pin->partner, '\0', sizeof pin->partner) != NULL && memchr(pin->sha256, '\0', sizeof pin->sha256) != NULL;
	}
	return good;
}
