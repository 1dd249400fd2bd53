/* A wrong PIN is never tried twice (design 7): what became of the last try, read from the journal, so that it holds across restarts and crashes.
 *
 * A `pin-try` {serial-sha256, fingerprint} is durable before the token sees the PIN; a `token` record {event: login | pin-refused | blocked} of the
 * same serial tells its outcome. A try without one (power cut in between) may have been the wrong one: it is "unknown-before", and after
 * PIN_UNKNOWN_MAX of those in a row as good as refused. Without a fingerprint nothing can be said: "go". A PIN file that this token program used on a
 * token of another serial is "other-token" until the file changes.
 */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define PIN_UNKNOWN_MAX 2
#define PINS_MAX 1024 /* the oldest is forgotten beyond: so many different PINs of one box are a mistake anyway */
#define PIN_TEXT_SIZE 129

enum outcome { OUTCOME_UNKNOWN, OUTCOME_GOOD, OUTCOME_REFUSED };

struct server_pin {
	struct server_pin *next; /* the latest first */
	char serial[PIN_TEXT_SIZE];
	char fingerprint[PIN_TEXT_SIZE];
	char token[PIN_TEXT_SIZE]; /* name in the configuration */
	enum outcome outcome;
	unsigned unknown; /* tries in a row without an outcome */
};

static bool read_key(struct span body, char serial[PIN_TEXT_SIZE], char fingerprint[PIN_TEXT_SIZE])
{
	return lines_find_string(body, "serial-sha256", serial, PIN_TEXT_SIZE) && lines_find_string(body, "fingerprint", fingerprint, PIN_TEXT_SIZE);
}

static struct server_pin **find(struct server_pin **list, const char *serial, const char *fingerprint)
{
	while (*list != NULL && (strcmp((*list)->serial, serial) != 0 || strcmp((*list)->fingerprint, fingerprint) != 0)) {
		list = &(*list)->next;
	}
	return list;
}

/* Was this PIN, of the same entry of the configuration, for another token? */
static bool is_for_another(const struct server_pin *list, struct span body, const char *serial, const char *fingerprint)
{
	char token[PIN_TEXT_SIZE];
	bool found = lines_find_string(body, "token", token, sizeof token);

	for (const struct server_pin *pin = list; found && pin != NULL; pin = pin->next) {
		if (strcmp(pin->fingerprint, fingerprint) == 0 && strcmp(pin->token, token) == 0 && strcmp(pin->serial, serial) != 0) {
			return true;
		}
	}
	return false;
}

const char *server_pin_advice(const struct server *server, struct span body)
{
	char serial[PIN_TEXT_SIZE], fingerprint[PIN_TEXT_SIZE];
	struct server_pin *list = server->pins;
	const struct server_pin *pin = NULL;

	if (!read_key(body, serial, fingerprint)) {
		return "go";
	}
	pin = *find(&list, serial, fingerprint);
	if (pin == NULL && is_for_another(server->pins, body, serial, fingerprint)) {
		return "other-token";
	}
	if (pin == NULL || pin->outcome == OUTCOME_GOOD) {
		return "go";
	}
	return pin->outcome == OUTCOME_REFUSED || pin->unknown > PIN_UNKNOWN_MAX ? "refused-before" : "unknown-before";
}

static void forget_oldest(struct server *server)
{
	size_t count = 0;

	for (struct server_pin **place = &server->pins; *place != NULL; place = &(*place)->next) {
		if (++count == PINS_MAX) {
			free(*place);
			*place = NULL;
			return;
		}
	}
}

static void follow_try(struct server *server, struct span body)
{
	char serial[PIN_TEXT_SIZE], fingerprint[PIN_TEXT_SIZE];
	struct server_pin **place = NULL, *pin = NULL;

	/* A try without a fingerprint has an outcome of its own, which must not be taken for that of an earlier one: it gets an entry, too. */
	if (!lines_find_string(body, "serial-sha256", serial, sizeof serial)) {
		return;
	}
	if (!lines_find_string(body, "fingerprint", fingerprint, sizeof fingerprint)) {
		fingerprint[0] = '\0';
	}
	place = find(&server->pins, serial, fingerprint);
	pin = *place;
	if (pin == NULL) {
		forget_oldest(server);
		pin = calloc(1, sizeof *pin);
		if (pin == NULL) {
			log_error("no memory");
			return;
		}
		memcpy(pin->serial, serial, sizeof pin->serial);
		memcpy(pin->fingerprint, fingerprint, sizeof pin->fingerprint);
		if (!lines_find_string(body, "token", pin->token, sizeof pin->token)) {
			pin->token[0] = '\0';
		}
	} else {
		*place = pin->next;
	}
	if (pin->outcome == OUTCOME_GOOD) {
		pin->outcome = OUTCOME_UNKNOWN;
		pin->unknown = 0;
	}
	pin->unknown++;
	pin->next = server->pins;
	server->pins = pin;
}

/* The outcome belongs to the latest try with that serial. */
static void follow_outcome(struct server *server, struct span body, enum outcome outcome)
{
	char serial[PIN_TEXT_SIZE];

	if (!lines_find_string(body, "serial-sha256", serial, sizeof serial)) {
		return;
	}
	for (struct server_pin *pin = server->pins; pin != NULL; pin = pin->next) {
		if (strcmp(pin->serial, serial) == 0) {
			pin->outcome = outcome;
			pin->unknown = 0;
			return;
		}
	}
}

void server_pin_follow(struct server *server, const struct record *record)
{
	if (strcmp(record->type, "pin-try") == 0) {
		follow_try(server, record->body);
	} else if (strcmp(record->type, "token") == 0) {
		if (record_field_is(record, "event", "login")) {
			follow_outcome(server, record->body, OUTCOME_GOOD);
		} else if (record_field_is(record, "event", "pin-refused") || record_field_is(record, "event", "blocked")) {
			follow_outcome(server, record->body, OUTCOME_REFUSED);
		}
	}
}

void server_pin_free(struct server *server)
{
	while (server->pins != NULL) {
		struct server_pin *pin = server->pins;

		server->pins = pin->next;
		free(pin);
	}
}

void server_pin_save(const struct server *server, struct index_writer *writer)
{
	uint64_t count = 0;

	for (const struct server_pin *pin = server->pins; pin != NULL; pin = pin->next) {
		count++;
	}
	index_put_u64(writer, count);
	for (const struct server_pin *pin = server->pins; pin != NULL; pin = pin->next) {
		struct server_pin plain;

		/* Text by text: behind their ends lies what happened to be in memory. */
		memset(&plain, 0, sizeof plain);
		plain.outcome = pin->outcome;
		plain.unknown = pin->unknown;
		(void)snprintf(plain.serial, sizeof plain.serial, "%s", pin->serial);
		(void)snprintf(plain.fingerprint, sizeof plain.fingerprint, "%s", pin->fingerprint);
		(void)snprintf(plain.token, sizeof plain.token, "%s", pin->token);
		index_put(writer, &plain, sizeof plain);
	}
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool server_pin_restore(struct server *server, struct span *from)
{
	struct server_pin **end = &server->pins;
	uint64_t count = 0;

	if (!span_read_u64(from, &count) || count > PINS_MAX) {
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct server_pin *pin = calloc(1, sizeof *pin);
		bool good = pin != NULL && index_take(from, pin, sizeof *pin);

		if (!good || !is_text(pin->serial, sizeof pin->serial) || !is_text(pin->fingerprint, sizeof pin->fingerprint) ||
		    !is_text(pin->token, sizeof pin->token) || pin->outcome > OUTCOME_REFUSED) {
			free(pin);
			server_pin_free(server);
			return false;
		}
		pin->next = NULL;
		*end = pin;
		end = &pin->next;
	}
	return true;
}
