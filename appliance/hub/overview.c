#include "overview.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/log.h"
#include "../base/text.h"
#include "card.h"
#include "inbox.h"
#include "share.h"

#define REFRESH_S 30

static bool touched = true;
static uint64_t next_ms;

void overview_touch(struct hub *hub)
{
	(void)hub;
	touched = true;
}

static void write_cell(FILE *page, const char *text)
{
	char escaped[1024];

	(void)escape_text(ESCAPE_HTML, span_of_string(text), escaped, sizeof escaped);
	(void)fprintf(page, "<td>%s</td>", escaped);
}

static void write_time(FILE *page, int64_t utc_ms)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	(void)fprintf(page, "<td>%d. %d. %d %02d:%02d</td>", date.day, date.month, date.year, date.hour, date.minute);
}

static void write_case(FILE *page, const struct hub *hub, const struct hub_case *each)
{
	const struct catalogue_form *form = each->partner[0] == '\0' ? NULL : catalogue_form_find(hub->catalogue, each->partner, each->form);
	const char *reason = each->reason == NULL || state_is_closed(each->state) ? "" : card_reason(hub->catalogue, each->reason);
	char title[256];

	(void)snprintf(title, sizeof title, "%s%s%s", each->form, form == NULL ? "" : " - ", form == NULL ? "" : catalogue_say(hub->catalogue, &form->label));
	(void)fprintf(page, "<tr class=\"%s\">", state_name(each->state));
	write_cell(page, each->number);
	write_cell(page, title);
	write_cell(page, state_label(each->state));
	write_time(page, each->changed_ms);
	write_cell(page, each->waiting[0] != '\0' ? _(each->waiting) : reason);
	(void)fputs("</tr>\n", page);
}

static void write_head(FILE *page, const struct hub *hub)
{
	static const char style[] =
	    "body{font:16px/1.4 sans-serif;margin:1em;color:#222}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3em .5em;"
	    "border-bottom:1px solid #ccc;vertical-align:top}td:first-child{white-space:nowrap}.done td:nth-child(3){color:#060}.uncertain "
	    "td:nth-child(3),.failed td:nth-child(3),"
	    ".data-error td:nth-child(3),.refused td:nth-child(3){color:#a00;font-weight:bold}.held td:nth-child(3),.unknown td:nth-child(3){color:#850}"
	    "@media(max-width:40em){thead{display:none}td{display:block;border:0;padding:.1em 0}tr{display:block;border-bottom:1px solid #ccc;padding:.5em 0}}";
	char title[128];

	(void)escape_text(ESCAPE_HTML, span_of_string(_("Overview of filings")), title, sizeof title);
	(void)fprintf(page,
	              "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta "
	              "http-equiv=\"refresh\" "
	              "content=\"%d\"><title>%s</title><style>%s</style></head><body><h1>%s</h1>\n",
	              hub->config->language, REFRESH_S, title, style, title);
}

static void write_notice(FILE *page, const char *text)
{
	char escaped[1024];

	(void)escape_text(ESCAPE_HTML, span_of_string(text), escaped, sizeof escaped);
	(void)fprintf(page, "<p><b>%s</b></p>\n", escaped);
}

static void write_notices(FILE *page, const struct hub *hub)
{
	const char *why = hub_waiting_reason(hub), *inbox_why = "";

	(void)inbox_waiting(hub, &inbox_why);
	if (why[0] != '\0') {
		write_notice(page, _(why));
	}
	if (hub->rolled_back) {
		write_notice(page, _("the journal was rolled back: a person must accept that first"));
	}
	if (inbox_why[0] != '\0') {
		write_notice(page, _(inbox_why));
	}
	for (size_t i = 0; i < hub->config->token_count; i++) {
		char text[256];

		if (strcmp(hub->tokens[i].state, "ready") != 0) {
			(void)snprintf(text, sizeof text, _("Token %s cannot be used now (%s): ask the operator."), hub->config->tokens[i].name,
			               hub->tokens[i].state);
			write_notice(page, text);
		}
	}
}

static void write_page(FILE *page, const struct hub *hub)
{
	static const char *const columns[] = { N_("Case"), N_("Form"), N_("State"), N_("Since"), N_("Reason") };
	size_t count = 0;

	write_head(page, hub);
	write_notices(page, hub);
	(void)fputs("<table><thead><tr>", page);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		(void)fprintf(page, "<th>%s</th>", _(columns[i]));
	}
	(void)fputs("</tr></thead><tbody>\n", page);
	for (const struct hub_case *each = hub->cases.all; each != NULL && count < OVERVIEW_CASES_MAX; each = each->next_all) {
		if (each->state != CASE_DELETED) {
			write_case(page, hub, each);
			count++;
		}
	}
	(void)fputs("</tbody></table></body></html>\n", page);
}

static int put_page(struct hub *hub)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int directory = share_directory(hub, ".");
	size_t length = 0;
	FILE *page = directory < 0 ? NULL : open_memstream(&text, &length);

	if (page == NULL) {
		return ERR_SYSTEM;
	}
	write_page(page, hub);
	if (fclose(page) != 0) {
		return ERR_MEMORY;
	}
	return share_write_text(directory, hub->config->share.overview, text);
}

void overview_update(struct hub *hub)
{
	if (!touched || !hub->replayed || !clock_expired(next_ms)) {
		return;
	}
	next_ms = clock_deadline(OVERVIEW_EVERY_MS);
	touched = put_page(hub) != 0;
}
