#include "condition.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"
#include "attention.h"
#include "disk.h"
#include "inbox.h"

#define CONDITION_MAX_BYTES 480

/* Adds "; words". What does not fit is left out whole. */
static void __attribute__((format(printf, 2, 3))) add(char text[CONDITION_MAX_BYTES], const char *format, ...)
{
	size_t have = strlen(text);
	va_list arguments;
	int length = 0;

	(void)snprintf(text + have, CONDITION_MAX_BYTES - have, "%s", have == 0 ? "" : "; ");
	va_start(arguments, format);
	length = vsnprintf(text + strlen(text), CONDITION_MAX_BYTES - strlen(text), format, arguments);
	va_end(arguments);
	if (length < 0 || have + 2 + (size_t)length >= CONDITION_MAX_BYTES) {
		text[have] = '\0';
	}
}

static void add_cases(const struct hub *hub, char text[CONDITION_MAX_BYTES])
{
	const char *todo = "";
	size_t person = 0;

	for (const struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		person += attention_case(hub, each, &todo) != ATTENTION_NOBODY ? 1 : 0;
	}
	if (hub->cases.open_count > person) {
		add(text, _("cases under way: %zu"), hub->cases.open_count - person);
	}
	if (person > 0) {
		add(text, _("cases that wait for a person: %zu"), person);
	}
}

static void add_disks(const struct hub *hub, char text[CONDITION_MAX_BYTES])
{
	struct disk_place places[DISK_PLACES_MAX];
	size_t count = disk_look(hub, places);

	for (size_t i = 0; i < count; i++) {
		if (places[i].level != DISK_GOOD) {
			add(text, _("%s: %u %% used"), _(places[i].label), places[i].used);
		}
	}
}

void condition_put(void *context, struct wire_message *answer)
{
	static char text[CONDITION_MAX_BYTES];
	struct hub *hub = context;
	const char *why = hub_waiting_reason(hub), *inbox_why = "";

	text[0] = '\0';
	add(text, "%s", why[0] == '\0' ? _("works") : _(why));
	if (hub->rolled_back) {
		add(text, "%s", _("the journal was rolled back: a person must accept that first"));
	}
	for (size_t i = 0; i < hub->config->token_count; i++) {
		if (strcmp(hub->tokens[i].state, "ready") != 0) {
			add(text, _("token %s: %s"), hub->config->tokens[i].name, state_token_label(hub->tokens[i].state));
		}
	}
	add_cases(hub, text);
	(void)inbox_waiting(hub, &inbox_why);
	if (inbox_why[0] != '\0') {
		add(text, "%s", _(inbox_why));
	}
	add_disks(hub, text);
	wire_put_number(answer, WIRE_F_CODE, hub->replayed ? 1 : 0);
	wire_put_string(answer, WIRE_F_TEXT, text);
}
