/* say.c - findings: kept, weighed, and said as text. */
#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"
#include "words.h"

#define PROGRESS_MIN_BYTES (UINT64_C(64) * 1024 * 1024) /* less is over before one looks */
#define LINE_SIZE 512

const struct audit_kind_words audit_kinds[AUDIT_KIND_COUNT] = {
	[AUDIT_FRAME] = { "frame", AUDIT_DAMAGED, N_("bytes that are no record") },
	[AUDIT_LEAF_HASH] = { "leaf-hash", AUDIT_DAMAGED, N_("a record was altered") },
	[AUDIT_ORDER] = { "order", AUDIT_DAMAGED, N_("records out of order") },
	[AUDIT_TRUNCATED] = { "truncated", AUDIT_DAMAGED, N_("records are missing") },
	[AUDIT_TAIL] = { "tail", AUDIT_REMARK, N_("an unfinished end") },
	[AUDIT_SEGMENT] = { "segment", AUDIT_DAMAGED, N_("a segment is not right") },
	[AUDIT_HEAD] = { "head", AUDIT_DAMAGED, N_("a head contradicts the records") },
	[AUDIT_ROOT] = { "root", AUDIT_DAMAGED, N_("a checkpoint contradicts the records") },
	[AUDIT_ORIGIN] = { "origin", AUDIT_DAMAGED, N_("of another log") },
	[AUDIT_NOTE] = { "note", AUDIT_DAMAGED, N_("a file of a checkpoint is not right") },
	[AUDIT_FORK] = { "fork", AUDIT_DAMAGED, N_("two histories") },
	[AUDIT_ROLLED_BACK] = { "rolled-back", AUDIT_DAMAGED, N_("older than the auditor's note") },
	[AUDIT_NOTE_SIGNATURE] = { "note-signature", AUDIT_DAMAGED, N_("the signature line does not fit") },
	[AUDIT_CMS] = { "cms", AUDIT_DAMAGED, N_("a signature does not fit") },
	[AUDIT_UNSIGNED] = { "unsigned", AUDIT_DOUBT, N_("no signature covers it") },
	[AUDIT_CERTIFICATE] = { "certificate", AUDIT_DAMAGED, N_("a certificate is not right") },
	[AUDIT_EXPIRED] = { "expired", AUDIT_DAMAGED, N_("a certificate was not valid at that time") },
	[AUDIT_REVOKED] = { "revoked", AUDIT_DAMAGED, N_("a certificate was revoked at that time") },
	[AUDIT_REVOCATION] = { "revocation-unknown", AUDIT_DOUBT, N_("no list of revoked certificates for that time") },
	[AUDIT_STAMP] = { "stamp", AUDIT_DAMAGED, N_("a time stamp does not fit") },
	[AUDIT_STAMP_AGE] = { "stamp-age", AUDIT_DOUBT, N_("a time stamp has grown old") },
	[AUDIT_LATE] = { "late", AUDIT_DOUBT, N_("stamped late") },
	[AUDIT_UNSTAMPED] = { "unstamped", AUDIT_DOUBT, N_("no time stamp covers it") },
	[AUDIT_TABLE] = { "table", AUDIT_DAMAGED, N_("against the record table") },
	[AUDIT_CHAIN] = { "chain", AUDIT_DAMAGED, N_("the chain of a case is broken") },
	[AUDIT_DUTY] = { "duty", AUDIT_DAMAGED, N_("the box did what it must not") },
	[AUDIT_OBJECT_MISSING] = { "object-missing", AUDIT_DAMAGED, N_("content is missing") },
	[AUDIT_OBJECT_CHANGED] = { "object-changed", AUDIT_DAMAGED, N_("content was changed") },
	[AUDIT_OBJECT_SWAPPED] = { "object-swapped", AUDIT_DAMAGED, N_("content of something else") },
	[AUDIT_KEY] = { "key", AUDIT_DAMAGED, N_("a key is missing or of another case") },
	[AUDIT_ERASED] = { "erased", AUDIT_REMARK, N_("erased by a record") },
	[AUDIT_NOT_ERASED] = { "not-erased", AUDIT_DOUBT, N_("erased by a record, and still there") },
	[AUDIT_ARCHIVED] = { "archived", AUDIT_REMARK, N_("in the archive") },
	[AUDIT_CLOCK] = { "clock", AUDIT_REMARK, N_("time runs backwards") },
	[AUDIT_STRAY] = { "stray", AUDIT_REMARK, N_("files that belong to nothing") },
	[AUDIT_UNREADABLE] = { "unreadable", AUDIT_DOUBT, N_("it could not be read") },
};

double audit_clock(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- findings ------------------------------------------------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 5, 0))) static void keep(struct audit *audit, enum audit_kind kind, enum audit_weight weight, uint64_t index, const char *why,
                                                       va_list arguments)
{
	struct finding *finding = NULL;

	(void)pthread_mutex_lock(&audit->lock);
	audit->figures.findings[weight]++;
	audit->figures.by_kind[kind]++;
	if (audit->list_count == audit->list_room && audit->list_count < AUDIT_FINDINGS_MAX) {
		size_t room = audit->list_room == 0 ? 64 : 2 * audit->list_room;

		finding = reallocarray(audit->list, room, sizeof *finding);
		if (finding != NULL) {
			audit->list = finding;
			audit->list_room = room;
		}
	}
	if (audit->list_count < audit->list_room && audit->list_count < AUDIT_FINDINGS_MAX) {
		finding = &audit->list[audit->list_count];
		*finding = (struct finding){ .kind = kind, .weight = weight, .index = index, .order = audit->list_count++ };
		(void)vsnprintf(finding->why, sizeof finding->why, _(why), arguments);
	}
	(void)pthread_mutex_unlock(&audit->lock);
}

void audit_found(struct audit *audit, enum audit_kind kind, uint64_t index, const char *why, ...)
{
	va_list arguments;

	va_start(arguments, why);
	keep(audit, kind, audit_kinds[kind].weight, index, why, arguments);
	va_end(arguments);
}

void audit_found_as(struct audit *audit, enum audit_kind kind, enum audit_weight weight, uint64_t index, const char *why, ...)
{
	va_list arguments;

	va_start(arguments, why);
	keep(audit, kind, weight, index, why, arguments);
	va_end(arguments);
}

static int by_weight(const void *a, const void *b)
{
	const struct finding *left = a, *right = b;

	if (left->weight != right->weight) {
		return left->weight < right->weight ? -1 : 1;
	}
	if (left->index != right->index) {
		return left->index < right->index ? -1 : 1; /* AUDIT_NO_INDEX last */
	}
	return left->order < right->order ? -1 : left->order > right->order;
}

void audit_sort(struct audit *audit)
{
	if (!audit->sorted && audit->list_count > 1) {
		qsort(audit->list, audit->list_count, sizeof *audit->list, by_weight);
	}
	audit->sorted = true;
}

enum audit_exit audit_verdict(const struct audit *audit)
{
	const uint64_t *findings = audit->figures.findings;

	return findings[AUDIT_DAMAGED] > 0 ? AUDIT_DAMAGE : findings[AUDIT_DOUBT] > 0 ? AUDIT_NO : AUDIT_YES;
}

/* --- text ---------------------------------------------------------------------------------------------------------------------------------------------------- */

void audit_time_text(int64_t utc_ms, char ret[AUDIT_TIME_SIZE])
{
	time_t seconds = (time_t)(utc_ms / 1000);
	struct tm parts;

	if (gmtime_r(&seconds, &parts) == NULL || strftime(ret, AUDIT_TIME_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
		ret[0] = '\0';
	}
}

static const char *verdict_words(const struct audit *audit)
{
	switch (audit_verdict(audit)) {
	case AUDIT_YES:
		return audit->anchors_result.signed_size > 0 ? _("the journal is whole") : _("the journal agrees with itself, nothing signed was judged");
	case AUDIT_NO:
		return _("the journal is whole as far as can be told, and not all of it is proved");
	default:
		return _("the journal is DAMAGED");
	}
}

void audit_verdict_line(const struct audit *audit, char *ret, size_t size)
{
	const struct audit_figures *figures = &audit->figures;
	char stamped[AUDIT_TIME_SIZE] = "", signatures[LINE_SIZE] = "";
	const char *objects = !figures->objects_read ? _("content not looked at")
	                      : figures->keys_read   ? _("content looked at")
	                                             : _("content looked at, keys not");

	if (audit->anchors_result.stamped_size > 0) {
		audit_time_text(audit->anchors_result.stamped_utc_s * 1000, stamped);
		(void)snprintf(signatures, sizeof signatures, _(", signed to %ju, stamped to %ju at %s"), audit->anchors_result.signed_size,
		               audit->anchors_result.stamped_size, stamped);
	} else if (audit->anchors_result.signed_size > 0) {
		(void)snprintf(signatures, sizeof signatures, _(", signed to %ju"), audit->anchors_result.signed_size);
	} else if (!figures->anchors_read) {
		(void)snprintf(signatures, sizeof signatures, "%s", _(", signatures not looked at"));
	}
	(void)snprintf(ret, size, _("%s: %s, %ju records, %ju cases%s; %s"), audit->source.origin[0] == '\0' ? "?" : audit->source.origin, verdict_words(audit),
	               figures->records, figures->cases, signatures, objects);
}

static const char *weight_words(enum audit_weight weight)
{
	return weight == AUDIT_DAMAGED ? _("damage") : weight == AUDIT_DOUBT ? _("doubt") : _("remark");
}

void audit_say(struct audit *audit)
{
	char line[LINE_SIZE];
	uint64_t all = 0;

	audit_sort(audit);
	audit_verdict_line(audit, line, sizeof line);
	(void)printf("%s\n", line);
	for (size_t i = 0; i < audit->list_count; i++) {
		const struct finding *finding = &audit->list[i];

		(void)printf("%s %s ", weight_words(finding->weight), audit_kinds[finding->kind].name);
		if (finding->index == AUDIT_NO_INDEX) {
			(void)printf("-: %s\n", finding->why);
		} else {
			(void)printf("%" PRIu64 ": %s\n", finding->index, finding->why);
		}
	}
	for (size_t i = 0; i <= AUDIT_REMARK; i++) {
		all += audit->figures.findings[i];
	}
	if (all > audit->list_count) {
		(void)printf(_("and %ju more findings"), all - audit->list_count);
		(void)printf("\n");
	}
}

void audit_progress(const struct audit *audit, enum audit_pass pass, uint64_t done, uint64_t all)
{
	static const char *const names[] = { [PASS_RECORDS] = N_("records"), [PASS_ANCHORS] = N_("signatures and stamps"), [PASS_OBJECTS] = N_("content") };

	if (audit->progress && all >= PROGRESS_MIN_BYTES) {
		(void)fprintf(stderr, "\r%s: %3u %% ", _(names[pass]), (unsigned)(done * 100 / all));
		(void)fflush(stderr);
	}
}

void audit_progress_end(const struct audit *audit)
{
	if (audit->progress) {
		(void)fprintf(stderr, "\r%32s\r", "");
		(void)fflush(stderr);
	}
}
