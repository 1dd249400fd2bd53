#include "report_parts.h"

#include <string.h>

#include "facts.h"
#include "report_html.h"
#include "report_kinds.h"
#include "words.h"

#define FINDINGS_SHOWN 100U /* of one kind */
#define ANCHORS_FIRST 5U
#define ANCHORS_LAST 40U
#define CASES_SHOWN 300U

static void write_more(FILE *out, uint64_t more)
{
	if (more > 0) {
		(void)fputs("<p class=\"small\">", out);
		html_textf(out, _("and %ju more"), more);
		(void)fputs("</p>\n", out);
	}
}

static void cell_number(FILE *out, bool has, uint64_t number)
{
	(void)fputs("<td class=\"n\">", out);
	if (has) {
		html_number(out, number);
	} else {
		(void)fputs("\xe2\x80\x93", out);
	}
	(void)fputs("</td>", out);
}

static void cell_text(FILE *out, const char *text)
{
	(void)fputs("<td>", out);
	html_text(out, text);
	(void)fputs("</td>", out);
}

static void cell_time(FILE *out, int64_t utc_ms)
{
	char text[AUDIT_TIME_SIZE];

	audit_time_text(utc_ms, text);
	(void)fputs("<td class=\"n\">", out);
	html_text(out, text);
	(void)fputs("</td>", out);
}

/* --- findings ------------------------------------------------------------------------------------------------------------------------------------------------ */

static const char *weight_class(enum audit_weight weight)
{
	return weight == AUDIT_DAMAGED ? "damage" : weight == AUDIT_DOUBT ? "doubt" : "remark";
}

static const char *weight_word(enum audit_weight weight)
{
	return weight == AUDIT_DAMAGED ? _("damage") : weight == AUDIT_DOUBT ? _("doubt") : _("remark");
}

/* All findings of this kind and weight; one kind may have several weights. */
static void write_kind(FILE *out, const struct audit *audit, enum audit_kind kind, enum audit_weight weight)
{
	const char *const titles[] = { _("Record"), _("What was found"), NULL };
	uint64_t count = 0;

	(void)fprintf(out, "<h3><span class=\"tag %s\">", weight_class(weight));
	html_text(out, weight_word(weight));
	(void)fputs("</span> ", out);
	html_text(out, _(audit_kinds[kind].title));
	(void)fprintf(out, " <span class=\"small\">(%s)</span></h3>\n", audit_kinds[kind].name);
	html_element(out, "p", _(report_kinds[kind].means));
	if (report_kinds[kind].do_now[0] != '\0') {
		html_element(out, "p", _(report_kinds[kind].do_now));
	}
	html_table(out, titles);
	for (size_t i = 0; i < audit->list_count; i++) {
		const struct finding *finding = &audit->list[i];

		if (finding->kind != kind || finding->weight != weight || count++ >= FINDINGS_SHOWN) {
			continue;
		}
		(void)fputs("<tr>", out);
		cell_number(out, finding->index != AUDIT_NO_INDEX, finding->index);
		cell_text(out, finding->why);
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</tbody></table>\n", out);
	write_more(out, count > FINDINGS_SHOWN ? count - FINDINGS_SHOWN : 0);
}

static bool has_kind(const struct audit *audit, enum audit_kind kind, enum audit_weight weight)
{
	for (size_t i = 0; i < audit->list_count; i++) {
		if (audit->list[i].kind == kind && audit->list[i].weight == weight) {
			return true;
		}
	}
	return false;
}

void report_findings(FILE *out, const struct audit *audit)
{
	uint64_t all = 0;

	html_element(out, "h2", _("Findings"));
	for (unsigned weight = AUDIT_DAMAGED; weight <= AUDIT_REMARK; weight++) {
		all += audit->figures.findings[weight];
		for (unsigned kind = 0; kind < AUDIT_KIND_COUNT; kind++) {
			if (audit->figures.by_kind[kind] > 0 && has_kind(audit, kind, weight)) {
				write_kind(out, audit, kind, weight);
			}
		}
	}
	if (all == 0) {
		html_element(out, "p", _("None."));
	} else if (all > audit->list_count) {
		(void)fputs("<p>", out);
		html_textf(out, _("There are %ju more findings than this program keeps."), all - audit->list_count);
		(void)fputs("</p>\n", out);
	}
}

/* --- checkpoints and stamps ---------------------------------------------------------------------------------------------------------------------------------- */

static const char *anchor_words(const struct audit_anchor *anchor)
{
	static const struct {
		const char *event, *words;
	} all[] = {
		{ "", N_("checkpoint") },
		{ "stamp", N_("time stamp") },
		{ "renewal", N_("renewing stamp") },
		{ "bad-stamp", N_("failed stamp") },
		{ "package", N_("correction") },
		{ "cert", N_("certificate") },
		{ "crl", N_("list of revoked certificates") },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (strcmp(anchor->event, all[i].event) == 0) {
			return _(all[i].words);
		}
	}
	return anchor->event;
}

static void write_wait(FILE *out, const struct audit_anchors_result *result)
{
	uint64_t minutes = result->worst_wait_ms > 0 ? (uint64_t)result->worst_wait_ms / 60000 : 0;

	if (result->trusted_stamps > 0) {
		(void)fputs("<tr><th scope=\"row\">", out);
		html_text(out, _("Longest wait from a record to its first stamp"));
		(void)fputs("</th><td>", out);
		html_textf(out, _("%ju h %ju min, record %ju"), minutes / 60, minutes % 60, result->worst_index);
		(void)fputs("</td></tr>\n", out);
	}
}

static void write_sums(FILE *out, const struct audit_anchors_result *result)
{
	(void)fputs("<table class=\"facts\">\n", out);
	html_fact_number(out, _("Checkpoints"), result->notes);
	html_fact_number(out, _("of these signed"), result->signed_notes);
	html_fact_number(out, _("by a key that leads to a trusted certificate"), result->trusted_signatures);
	html_fact_number(out, _("Records covered by a trusted signature"), result->signed_size);
	html_fact_number(out, _("Time stamps"), result->stamps);
	html_fact_number(out, _("of an authority that leads to a trusted certificate"), result->trusted_stamps);
	html_fact_number(out, _("Records covered by a trusted time stamp"), result->stamped_size);
	html_fact_time(out, _("First good stamp"), result->first_utc_s * 1000);
	html_fact_time(out, _("Last good stamp"), result->last_utc_s * 1000);
	write_wait(out, result);
	(void)fputs("</table>\n", out);
}

static void write_anchor(FILE *out, const struct audit_anchor *anchor)
{
	(void)fputs("<tr>", out);
	cell_number(out, true, anchor->index);
	cell_time(out, anchor->utc_ms);
	cell_text(out, anchor_words(anchor));
	cell_number(out, anchor->has_size, anchor->size);
	(void)fputs("<td>", out);
	html_text(out, anchor->tsa);
	if (anchor->tsa[0] != '\0' && anchor->file[0] != '\0') {
		(void)fputs(" ", out);
	}
	html_text(out, anchor->file);
	(void)fputs("</td></tr>\n", out);
}

void report_anchors(FILE *out, const struct audit *audit)
{
	const char *const titles[] = { _("Record"), _("Time of the box"), _("What"), _("Covers records"), _("Authority, file"), NULL };
	size_t count = audit->anchor_count, skipped = count > ANCHORS_FIRST + ANCHORS_LAST ? count - ANCHORS_FIRST - ANCHORS_LAST : 0;

	html_element(out, "h2", _("Checkpoints and stamps"));
	if (audit->figures.anchors_read) {
		write_sums(out, &audit->anchors_result);
	} else {
		html_element(out, "p", _("Signatures and stamps were not looked at."));
	}
	if (count == 0) {
		return;
	}
	html_table(out, titles);
	for (size_t i = 0; i < count; i++) {
		if (skipped > 0 && i == ANCHORS_FIRST) {
			(void)fputs("<tr><td colspan=\"5\" class=\"small\">", out);
			html_textf(out, _("%zu more"), skipped);
			(void)fputs("</td></tr>\n", out);
			i += skipped;
		}
		write_anchor(out, &audit->anchors[i]);
	}
	(void)fputs("</tbody></table>\n", out);
}

/* --- cases --------------------------------------------------------------------------------------------------------------------------------------------------- */

static void write_cases(FILE *out, const struct audit *audit, bool erased)
{
	const char *const titles[] = { _("Case"), erased ? _("Erased by record") : _("Archived by record"), _("Its records"), NULL };
	uint64_t count = 0;

	html_table(out, titles);
	for (size_t i = 0; i < audit->case_count; i++) {
		const struct audit_case *each = &audit->cases[i];
		uint64_t by = erased ? each->erased : each->archived;
		char number[CASE_NUMBER_SIZE];

		if (by == 0 || count++ >= CASES_SHOWN) {
			continue;
		}
		case_text(each->key, number);
		(void)fputs("<tr>", out);
		cell_text(out, number);
		cell_number(out, true, by - 1);
		cell_number(out, true, each->count);
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</tbody></table>\n", out);
	write_more(out, count > CASES_SHOWN ? count - CASES_SHOWN : 0);
}

void report_cases(FILE *out, const struct audit *audit)
{
	bool erased = false, archived = false;

	for (size_t i = 0; i < audit->case_count; i++) {
		erased = erased || audit->cases[i].erased != 0;
		archived = archived || audit->cases[i].archived != 0;
	}
	if (erased) {
		html_element(out, "h2", _("Cases whose content was erased"));
		html_element(out, "p", _("Their records stay: they prove that the case existed and when, and say on what legal basis its content was erased."));
		write_cases(out, audit, true);
	}
	if (archived) {
		html_element(out, "h2", _("Cases whose content is in an archive"));
		write_cases(out, audit, false);
	}
}
