/* list_filter.c - which cases a `list` is about. The filter is evaluated here, so that a long list is never carried over only to be thrown away. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "control_private.h"

#define WORD_OPEN "open"     /* not closed yet */
#define WORD_CLOSED "closed" /* nothing more to come */

/* --- comparing --- */

/* Letters of Latin-1 and Latin Extended-A that Czech, Slovak, Polish, German and Hungarian names are written with, and what one types for them. */
static const struct {
	uint16_t letter;
	char plain;
} letters[] = {
	{ 0xe0, 'a' },  { 0xe1, 'a' },  { 0xe2, 'a' },  { 0xe4, 'a' },  { 0x103, 'a' }, { 0x105, 'a' }, { 0xe7, 'c' },  { 0x107, 'c' },
	{ 0x10d, 'c' }, { 0x10f, 'd' }, { 0x111, 'd' }, { 0xe8, 'e' },  { 0xe9, 'e' },  { 0xea, 'e' },  { 0xeb, 'e' },  { 0x119, 'e' },
	{ 0x11b, 'e' }, { 0xec, 'i' },  { 0xed, 'i' },  { 0xee, 'i' },  { 0x13a, 'l' }, { 0x13e, 'l' }, { 0x142, 'l' }, { 0xf1, 'n' },
	{ 0x144, 'n' }, { 0x148, 'n' }, { 0xf2, 'o' },  { 0xf3, 'o' },  { 0xf4, 'o' },  { 0xf6, 'o' },  { 0x151, 'o' }, { 0x155, 'r' },
	{ 0x159, 'r' }, { 0x15b, 's' }, { 0x161, 's' }, { 0x15f, 's' }, { 0x163, 't' }, { 0x165, 't' }, { 0xf9, 'u' },  { 0xfa, 'u' },
	{ 0xfc, 'u' },  { 0x16f, 'u' }, { 0x171, 'u' }, { 0xfd, 'y' },  { 0xff, 'y' },  { 0x17a, 'z' }, { 0x17c, 'z' }, { 0x17e, 'z' },
};

/* The plain letter, '\0' for a combining mark (a name may come decomposed), or '?' for what stays as it is. */
static char plain_letter(uint32_t letter)
{
	if (letter >= 0x300 && letter <= 0x36f) {
		return '\0';
	}
	/* In these blocks the small letter follows its capital: by 32 in Latin-1, by one beyond (odd and even change places at U+0139). */
	if (letter >= 0xc0 && letter <= 0xde) {
		letter += 32;
	} else if ((letter >= 0x139 && letter <= 0x148) || (letter >= 0x179 && letter <= 0x17e)) {
		letter += letter & 1;
	} else if (letter >= 0x100 && letter <= 0x177) {
		letter |= 1;
	}
	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
		if (letters[i].letter == letter) {
			return letters[i].plain;
		}
	}
	return '?';
}

void list_fold(struct span text, char *ret, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < text.length;) {
		uint8_t byte = text.data[i];
		size_t bytes = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
		char plain = '?';

		if (bytes > text.length - i || length + bytes >= size) {
			break;
		}
		if (bytes == 2) {
			plain = plain_letter(((uint32_t)(byte & 0x1f) << 6) | (text.data[i + 1] & 0x3f));
		}
		if (bytes == 1) {
			ret[length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
		} else if (plain == '?') {
			memcpy(ret + length, text.data + i, bytes);
			length += bytes;
		} else if (plain != '\0') {
			ret[length++] = plain;
		}
		i += bytes;
	}
	ret[length] = '\0';
}

static bool holds(const char *text, const char *folded)
{
	char whole[512];

	list_fold(span_of_string(text), whole, sizeof whole);
	return strstr(whole, folded) != NULL;
}

static bool holds_text(const struct hub *hub, const char *folded, const struct hub_case *each)
{
	const struct catalogue_form *form = each->partner[0] == '\0' ? NULL : catalogue_form_find(hub->catalogue, each->partner, each->form);

	return holds(each->number, folded) || holds(each->form, folded) || (form != NULL && holds(catalogue_say(hub->catalogue, &form->label), folded));
}

bool list_filter_matches(const struct hub *hub, const struct list_filter *filter, const struct hub_case *each, bool named)
{
	return (filter->states == 0 || (filter->states & (1u << each->state)) != 0) &&
	       (filter->partner[0] == '\0' || strcmp(filter->partner, each->partner) == 0) && (filter->by[0] == '\0' || strcmp(filter->by, each->by) == 0) &&
	       each->received_ms >= filter->since_ms && (filter->until_ms == 0 || each->received_ms < filter->until_ms) &&
	       (filter->text[0] == '\0' || named || holds_text(hub, filter->text, each));
}

/* --- reading --- */

static void add_word(char *list, size_t size, const char *word)
{
	size_t have = strlen(list);

	(void)snprintf(list + have, size - have, "%s%s", have == 0 ? "" : ", ", word);
}

static bool add_states(struct span word, uint32_t *states)
{
	for (unsigned state = CASE_RECEIVED; state < CASE_STATE_COUNT; state++) {
		bool closed = state_is_closed((enum case_state)state);

		if (span_equals_string(word, state_name((enum case_state)state))) {
			*states |= 1u << state;
			return true;
		}
		if (span_equals_string(word, WORD_OPEN) ? !closed : closed && state != CASE_DELETED && span_equals_string(word, WORD_CLOSED)) {
			*states |= 1u << state;
		}
	}
	return span_equals_string(word, WORD_OPEN) || span_equals_string(word, WORD_CLOSED);
}

static void read_states(const struct wire_message *message, struct list_filter *ret)
{
	struct span word;

	for (size_t i = 0; wire_nth(message, WIRE_F_STATE, i, &word); i++) {
		char known[512] = "", shown[64] = "";

		if (add_states(word, &ret->states)) {
			continue;
		}
		for (unsigned state = CASE_RECEIVED; state < CASE_STATE_COUNT; state++) {
			add_word(known, sizeof known, state_name((enum case_state)state));
		}
		add_word(known, sizeof known, WORD_OPEN);
		add_word(known, sizeof known, WORD_CLOSED);
		(void)span_copy_string(word, shown, sizeof shown);
		(void)snprintf(ret->fault, sizeof ret->fault, _("there is no state \"%s\"; the states are: %s"), shown, known);
		return;
	}
}

static void read_partner(const struct hub *hub, const struct wire_message *message, struct list_filter *ret)
{
	char known[512] = "";

	if (!wire_has(message, WIRE_F_NAME)) {
		return;
	}
	if (wire_string(message, WIRE_F_NAME, ret->partner, sizeof ret->partner) && catalogue_partner_find(hub->catalogue, ret->partner) != NULL) {
		return;
	}
	for (size_t i = 0; i < hub->catalogue->partner_count; i++) {
		add_word(known, sizeof known, hub->catalogue->partners[i].name);
	}
	(void)snprintf(ret->fault, sizeof ret->fault, _("there is no partner \"%.64s\"; the partners are: %s"), ret->partner, known);
}

void list_filter_read(const struct hub *hub, const struct wire_message *message, struct list_filter *ret)
{
	struct span text = wire_span(message, WIRE_F_TEXT);
	uint64_t since = wire_number(message, WIRE_F_TIME, 0), until = wire_number(message, WIRE_F_UNTIL, 0);

	memset(ret, 0, sizeof *ret);
	ret->since_ms = since > INT64_MAX ? INT64_MAX : (int64_t)since;
	ret->until_ms = until > INT64_MAX ? INT64_MAX : (int64_t)until;
	ret->limit = wire_number(message, WIRE_F_LIMIT, UINT64_MAX);
	if (text.length > LIST_TEXT_MAX_BYTES || !wire_string(message, WIRE_F_BY, ret->by, sizeof ret->by) ||
	    !wire_string(message, WIRE_F_CASE, ret->after, sizeof ret->after)) {
		(void)snprintf(ret->fault, sizeof ret->fault, _("a word of the filter is too long (a text has at most %d bytes)"), LIST_TEXT_MAX_BYTES);
		return;
	}
	list_fold(text, ret->text, sizeof ret->text);
	read_states(message, ret);
	read_partner(hub, message, ret);
}
