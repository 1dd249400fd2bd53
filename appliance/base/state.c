#include "state.h"

#include <stddef.h>
#include <string.h>

#include "text.h"

#define BIT(state) (1U << CASE_##state)

static const struct {
	const char *name, *label;
	uint32_t next;
} states[CASE_STATE_COUNT] = {
	[CASE_NONE] = { "none", N_("none"), BIT(RECEIVED) },
	[CASE_RECEIVED] = { "received", N_("received"), BIT(UNKNOWN) | BIT(HELD) | BIT(READY) | BIT(REFUSED) },
	[CASE_UNKNOWN] = { "unknown", N_("unknown type"), BIT(HELD) | BIT(READY) | BIT(DELETED) },
	[CASE_HELD] = { "held", N_("waits for approval"), BIT(READY) | BIT(REFUSED) },
	[CASE_READY] = { "ready", N_("ready to be sent"), BIT(SIGNING) | BIT(DELETED) },
	[CASE_SIGNING] = { "signing", N_("being signed"), BIT(TESTING) | BIT(SENDING) | BIT(READY) | BIT(FAILED) },
	[CASE_TESTING] = { "testing", N_("test run"), BIT(SENDING) | BIT(DATA_ERROR) | BIT(READY) | BIT(FAILED) },
	[CASE_SENDING] = { "sending", N_("being sent"), BIT(READY) | BIT(SENT) | BIT(DONE) | BIT(DATA_ERROR) | BIT(UNCERTAIN) },
	[CASE_SENT] = { "sent", N_("sent, waits for the result"), BIT(DONE) | BIT(DATA_ERROR) | BIT(UNCERTAIN) },
	[CASE_UNCERTAIN] = { "uncertain", N_("outcome uncertain"), BIT(SENT) | BIT(DONE) | BIT(DATA_ERROR) | BIT(READY) },
	[CASE_DONE] = { "done", N_("closed, accepted"), 0 },
	[CASE_DATA_ERROR] = { "data-error", N_("closed with an error in the data"), BIT(DELETED) },
	[CASE_FAILED] = { "failed", N_("serious failure"), BIT(READY) | BIT(DELETED) },
	[CASE_REFUSED] = { "refused", N_("refused by the box"), BIT(DELETED) },
	[CASE_DELETED] = { "deleted", N_("deleted"), 0 },
};

const char *state_name(enum case_state state)
{
	return state < CASE_STATE_COUNT ? states[state].name : "none";
}

const char *state_label(enum case_state state)
{
	return _(states[state < CASE_STATE_COUNT ? state : CASE_NONE].label);
}

const char *state_partial_label(void)
{
	return _("closed, accepted in part only");
}

enum case_state state_by_name(const char *name)
{
	for (size_t i = CASE_RECEIVED; i < CASE_STATE_COUNT; i++) {
		if (strcmp(states[i].name, name) == 0) {
			return (enum case_state)i;
		}
	}
	return CASE_NONE;
}

bool state_may_follow(enum case_state from, enum case_state to)
{
	/* The roll-back rule (design 3) makes every open case uncertain, whatever it was doing. */
	if (to == CASE_UNCERTAIN && !state_is_closed(from)) {
		return true;
	}
	return from == to || (from < CASE_STATE_COUNT && (states[from].next & (1U << to)) != 0);
}

bool state_is_closed(enum case_state state)
{
	return state == CASE_DONE || state == CASE_DATA_ERROR || state == CASE_FAILED || state == CASE_REFUSED || state == CASE_DELETED;
}

static const struct {
	const char *id, *label;
} token_states[] = {
	{ "absent", N_("not there") },
	{ "pin-needed", N_("PIN needed") },
	{ "pin-at-reader", N_("the PIN is being entered at the reader") },
	{ "ready", N_("token ready") },
	{ "pin-refused", N_("PIN refused") },
	{ "pin-last-try", N_("only one try for the PIN is left") },
	{ "pin-blocked", N_("PIN blocked") },
	{ "foreign", N_("another token than expected") },
	{ "broken", N_("broken") },
};

const char *state_token_label(const char *id)
{
	for (size_t i = 0; i < sizeof token_states / sizeof token_states[0]; i++) {
		if (strcmp(token_states[i].id, id) == 0) {
			return _(token_states[i].label);
		}
	}
	return id;
}
