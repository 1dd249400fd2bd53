/* json.c - `verify --json`: one object on stdout.
 *
 *   {"verdict": "yes" | "no" | "damaged", "exit": 0 | 1 | 5, "line": "the verdict line", "origin": "...", "version": "...",
 *    "records": N, "cases": N, "segments": N, "unclean_segments": N, "bytes": N, "tail_bytes": N, "heads": N, "root": "hex",
 *    "first_time": "...", "last_time": "...", "threads": N,
 *    "checkpoints": N, "signed_checkpoints": N, "trusted_signatures": N, "stamps": N, "trusted_stamps": N, "signed_size": N, "stamped_size": N, "stamped_time": "...",
 *    "worst_wait_ms": N, "worst_index": N,
 *    "objects": N, "parts": N, "object_bytes": N, "keys": N, "erased": N, "archived": N, "stray": N,
 *    "looked_at": {"records": true, "signatures": true, "objects": true, "keys": true},
 *    "seconds": {"records": S, "signatures": S, "objects": S},
 *    "counts": {"damaged": N, "doubt": N, "remark": N},
 *    "findings": [{"kind": "frame", "weight": "damaged", "index": N | null, "why": "..."}]}
 *
 * Counts and bytes of records are those read; `seconds` are wall time of each pass. At most AUDIT_FINDINGS_MAX findings are listed; `counts` has all. */
#include <inttypes.h>
#include <stdio.h>

#include "state.h"

#define LINE_SIZE 512

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

/* Bytes that came from a file may have been cut within a character: such text is made ASCII. */
static void put_foreign(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0') {
		length++;
	}
	if (frame_text((struct bytes){ .data = (const uint8_t *)text, .length = length })) {
		put_text(text);
		return;
	}
	(void)putchar('"');
	for (size_t i = 0; i < length; i++) {
		(void)putchar(text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\' ? text[i] : '?');
	}
	(void)putchar('"');
}

static void put_number(const char *name, uint64_t number)
{
	(void)printf(", \"%s\": %" PRIu64, name, number);
}

static void put_time(const char *name, int64_t utc_ms)
{
	char text[AUDIT_TIME_SIZE] = "";

	audit_time_text(utc_ms, text);
	(void)printf(", \"%s\": \"%s\"", name, text);
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

static void put_records(const struct audit *audit)
{
	const struct audit_figures *figures = &audit->figures;
	char root[2 * AUDIT_HASH_BYTES + 1];

	frame_to_hex(figures->root, sizeof figures->root, root);
	put_number("records", figures->records);
	put_number("cases", figures->cases);
	put_number("segments", figures->segments);
	put_number("unclean_segments", figures->unclean_segments);
	put_number("bytes", figures->bytes);
	put_number("tail_bytes", figures->tail_bytes);
	put_number("heads", figures->heads);
	(void)printf(", \"root\": \"%s\"", root);
	put_time("first_time", figures->first_ms);
	put_time("last_time", figures->last_ms);
	put_number("threads", audit->settings.threads);
}

static void put_anchors(const struct audit_anchors_result *result)
{
	put_number("checkpoints", result->notes);
	put_number("signed_checkpoints", result->signed_notes);
	put_number("trusted_signatures", result->trusted_signatures);
	put_number("stamps", result->stamps);
	put_number("trusted_stamps", result->trusted_stamps);
	put_number("signed_size", result->signed_size);
	put_number("stamped_size", result->stamped_size);
	put_time("stamped_time", result->stamped_utc_s * 1000);
	(void)printf(", \"worst_wait_ms\": %" PRId64, result->worst_wait_ms);
	put_number("worst_index", result->worst_index);
}

static void put_content(const struct audit_figures *figures)
{
	put_number("objects", figures->objects);
	put_number("parts", figures->parts);
	put_number("object_bytes", figures->object_bytes);
	put_number("keys", figures->keys);
	put_number("erased", figures->erased);
	put_number("archived", figures->archived);
	put_number("stray", figures->stray);
	(void)printf(", \"looked_at\": {\"records\": %s, \"signatures\": %s, \"objects\": %s, \"keys\": %s}", truth(figures->records_read),
	             truth(figures->anchors_read), truth(figures->objects_read), truth(figures->keys_read));
	(void)printf(", \"seconds\": {\"records\": %.6f, \"signatures\": %.6f, \"objects\": %.6f}", figures->seconds[PASS_RECORDS],
	             figures->seconds[PASS_ANCHORS], figures->seconds[PASS_OBJECTS]);
}

static void put_findings(const struct audit *audit)
{
	static const char *const weights[] = { [AUDIT_DAMAGED] = "damaged", [AUDIT_DOUBT] = "doubt", [AUDIT_REMARK] = "remark" };
	const uint64_t *counts = audit->figures.findings;

	(void)printf(", \"counts\": {\"damaged\": %" PRIu64 ", \"doubt\": %" PRIu64 ", \"remark\": %" PRIu64 "}, \"findings\": [", counts[AUDIT_DAMAGED],
	             counts[AUDIT_DOUBT], counts[AUDIT_REMARK]);
	for (size_t i = 0; i < audit->list_count; i++) {
		const struct finding *finding = &audit->list[i];

		(void)printf("%s{\"kind\": \"%s\", \"weight\": \"%s\", \"index\": ", i == 0 ? "" : ", ", audit_kinds[finding->kind].name,
		             weights[finding->weight]);
		if (finding->index == AUDIT_NO_INDEX) {
			(void)printf("null");
		} else {
			(void)printf("%" PRIu64, finding->index);
		}
		(void)printf(", \"why\": ");
		put_foreign(finding->why);
		(void)putchar('}');
	}
	(void)printf("]}\n");
}

void audit_json(struct audit *audit)
{
	enum audit_exit verdict = audit_verdict(audit);
	char line[LINE_SIZE];

	audit_sort(audit);
	audit_verdict_line(audit, line, sizeof line);
	(void)printf("{\"verdict\": \"%s\", \"exit\": %d, \"line\": ", verdict == AUDIT_YES ? "yes" : verdict == AUDIT_NO ? "no" : "damaged", (int)verdict);
	put_foreign(line);
	(void)printf(", \"origin\": ");
	put_foreign(audit->source.origin);
	(void)printf(", \"version\": \"%s\"", PODATELNA_VERSION);
	put_records(audit);
	put_anchors(&audit->anchors_result);
	put_content(&audit->figures);
	put_findings(audit);
}
