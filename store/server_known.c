#include "server_known.h"

#include <string.h>

#include "appliance/base/lines.h"

#define FIELD "object-"

static void add(struct server_known *known, uint64_t index, const char *case_number, struct span role, struct span text)
{
	struct server_known_entry *entry = &known->entries[known->next];

	known->next = (known->next + 1) % SERVER_KNOWN_MAX;
	entry->index = index;
	if (!span_copy_string(role, entry->role, sizeof entry->role) ||
	    !span_copy_string(span_of_string(case_number), entry->case_number, sizeof entry->case_number)) {
		entry->role[0] = '\0'; /* cannot be asked for either */
	}
	if (!span_copy_string(text, entry->text, sizeof entry->text)) {
		entry->text[0] = '\0';
	}
}

void server_known_follow(struct server_known *known, const struct record *record, const char *case_number)
{
	struct span rest = record->body, name, value, prefix;

	while (lines_next(&rest, &name, &value)) {
		if (span_starts_with(name, FIELD) && span_read_bytes(&name, sizeof FIELD - 1, &prefix)) {
			add(known, record->index, case_number, name, value);
		}
	}
}

bool server_known_find(const struct server_known *known, const char *case_number, const char *role, uint64_t index, struct object_ref *ret)
{
	for (size_t i = 1; i <= SERVER_KNOWN_MAX; i++) {
		const struct server_known_entry *entry = &known->entries[(known->next + SERVER_KNOWN_MAX - i) % SERVER_KNOWN_MAX];

		if (strcmp(entry->case_number, case_number) == 0 && strcmp(entry->role, role) == 0 && (index == 0 || entry->index == index)) {
			return entry->text[0] != '\0' && object_ref_parse(span_of_string(entry->text), ret) == 0;
		}
	}
	return false;
}
