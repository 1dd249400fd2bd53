/* export_say.c - the answer to `evidence`. */
#include <inttypes.h>
#include <stdio.h>

#include "export.h"
#include "words.h"

#define LINE_SIZE 512

static const char *const weights[] = { [AUDIT_DAMAGED] = "damaged", [AUDIT_DOUBT] = "doubt", [AUDIT_REMARK] = "remark" };

/* The last checkpoint whose signature and stamp hold. */
static const struct export_note *best(const struct export *export)
{
	const struct export_note *found = NULL;

	for (size_t i = 0; i < export->note_count; i++) {
		const struct export_note *note = &export->notes[i];

		if (note->trusted && note->stamped_s != INT64_MAX && (found == NULL || note->stamped_s < found->stamped_s)) {
			found = note;
		}
	}
	return found;
}

static const char *verdict_words(const struct export *export)
{
	switch (audit_verdict(&export->audit)) {
	case AUDIT_YES:
		return _("the evidence is good");
	case AUDIT_NO:
		return _("the evidence agrees with itself, and not all of it is proved");
	default:
		return _("the evidence is DAMAGED");
	}
}

static void verdict_line(const struct export *export, char *ret, size_t size)
{
	const struct export_note *note = best(export);
	char when[AUDIT_TIME_SIZE] = "", stamped[LINE_SIZE] = "";

	if (note != NULL) {
		audit_time_text(note->stamped_s * 1000, when);
		(void)snprintf(stamped, sizeof stamped, _(", signed and stamped at %s"), when);
	}
	(void)snprintf(ret, size, _("%s, case %s: %s, %ju records, %ju of them in a checkpoint%s; %ju contents"),
	               export->audit.source.origin[0] == '\0' ? "?" : export->audit.source.origin, export->case_number[0] == '\0' ? "?" : export->case_number,
	               verdict_words(export), (uint64_t) export->record_count, export->proved, stamped, export->contents);
}

/* Foreign names may hold anything. */
static void put_text(const char *text)
{
	(void)putchar('"');
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\') {
			(void)printf("\\%c", *at);
		} else if (*at < 0x20 || *at == 0x7f) {
			(void)printf("\\u%04x", *at);
		} else {
			(void)putchar(*at);
		}
	}
	(void)putchar('"');
}

static void say_json(struct export *export, const char *line)
{
	const struct export_note *note = best(export);
	enum audit_exit verdict = audit_verdict(&export->audit);
	char when[AUDIT_TIME_SIZE] = "";

	(void)printf("{\"verdict\": \"%s\", \"exit\": %d, \"line\": ", verdict == AUDIT_YES ? "yes" : verdict == AUDIT_NO ? "no" : "damaged", (int)verdict);
	put_text(line);
	(void)printf(", \"origin\": ");
	put_text(export->audit.source.origin);
	(void)printf(", \"case\": ");
	put_text(export->case_number);
	(void)printf(", \"records\": %zu, \"proved\": %" PRIu64 ", \"contents\": %" PRIu64 ", \"signed\": %s, \"renewals\": %" PRIu64 ", \"stamped_time\": ",
	             export->record_count, export->proved, export->contents, note != NULL ? "true" : "false", export->renewals);
	if (note != NULL) {
		audit_time_text(note->stamped_s * 1000, when);
		put_text(when);
	} else {
		(void)printf("null");
	}
	(void)printf(", \"findings\": [");
	for (size_t i = 0; i < export->audit.list_count; i++) {
		const struct finding *finding = &export->audit.list[i];

		(void)printf("%s{\"kind\": \"%s\", \"weight\": \"%s\", \"index\": ", i == 0 ? "" : ", ", audit_kinds[finding->kind].name,
		             weights[finding->weight]);
		if (finding->index == AUDIT_NO_INDEX) {
			(void)printf("null, \"why\": ");
		} else {
			(void)printf("%" PRIu64 ", \"why\": ", finding->index);
		}
		put_text(finding->why);
		(void)putchar('}');
	}
	(void)printf("]}\n");
}

void export_say(struct export *export, bool json)
{
	static const char *const words[] = { [AUDIT_DAMAGED] = N_("damage"), [AUDIT_DOUBT] = N_("doubt"), [AUDIT_REMARK] = N_("remark") };
	char line[LINE_SIZE];

	audit_sort(&export->audit);
	verdict_line(export, line, sizeof line);
	if (json) {
		say_json(export, line);
		return;
	}
	(void)printf("%s\n", line);
	for (size_t i = 0; i < export->audit.list_count; i++) {
		const struct finding *finding = &export->audit.list[i];

		(void)printf("%s %s ", _(words[finding->weight]), audit_kinds[finding->kind].name);
		if (finding->index == AUDIT_NO_INDEX) {
			(void)printf("-: %s\n", finding->why);
		} else {
			(void)printf("%" PRIu64 ": %s\n", finding->index, finding->why);
		}
	}
}
